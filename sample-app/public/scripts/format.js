const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

export function money(amount) {
  return `€${number.format(amount)}`;
}

/** A duration in milliseconds, as exact as it is worth. */
export function duration(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${number.format(Math.round(ms))} ms`;
}

/** What is left of a time in milliseconds, such as `1:05`; a second that has begun counts. */
export function countdown(ms) {
  const seconds = Math.ceil(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function clock(date) {
  return date.toLocaleTimeString('en', { hour12: false });
}

/** A place in the log: topic, partition and offset. */
export function place([topic, partition, offset]) {
  return `${topic}/${partition}@${offset}`;
}
