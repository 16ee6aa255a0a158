/**
 * Reads the amount that somebody typed: `{ value }` or, in words, `{ problem }`. Whether it is a good one, the service says.
 * A comma is refused, since it parts thousands for some people and cents for others.
 */
export function readAmount(field) {
  const text = field.value.trim();
  if (/^-?\d+(\.\d+)?$/.test(text)) return marked(field, { value: Number(text) });
  const what = text === '' ? 'There is no amount.' : `“${text}” is no amount.`;
  return marked(field, { problem: `${what} Write it like 1250 or 12.50, without commas.` });
}

/** Reads a whole number of milliseconds, in the same way. */
export function readMilliseconds(field, minimum, maximum) {
  const text = field.value.trim();
  const value = text === '' ? NaN : Number(text);
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return marked(field, { value });
  return marked(field, { problem: `“${text}” is not a number of milliseconds from ${minimum} to ${maximum}.` });
}

/** Reads seconds, and parts of them, in the same way. */
export function readSeconds(field, minimum = 0.5, maximum = 3_600) {
  const text = field.value.trim();
  const value = /^\d+(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
  if (value >= minimum && value <= maximum) return marked(field, { value });
  return marked(field, { problem: `“${text}” is not a number of seconds from ${minimum} to ${maximum}.` });
}

/** Marks the field until somebody types in it again. */
function marked(field, result) {
  field.removeAttribute('aria-invalid');
  if (result.problem === undefined) return result;
  field.setAttribute('aria-invalid', 'true');
  field.addEventListener('input', () => field.removeAttribute('aria-invalid'), { once: true });
  return result;
}
