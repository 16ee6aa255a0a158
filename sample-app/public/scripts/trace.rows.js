/** Asks this page's server for the spans of a trace; undefined where they cannot be had. */
export async function fetchTrace(traceparent) {
  const [, traceId] = traceparent.split('-');
  try {
    const response = await fetch(`/traces/${traceId}`);
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined; // the server is away; the path is drawn all the same
  }
}

/**
 * The rows of the picture, each below the one that caused it; first the click itself, which this page has timed. `left` and `width` are
 * percents of the time that all of it took.
 */
export function rowsOf(request, spans) {
  const click = clickOf(request);
  const known = new Set([click.id, ...spans.map(({ id }) => id)]);
  const children = Map.groupBy(spans, ({ parent }) => (known.has(parent) ? parent : click.id));
  const from = click.start;
  const to = Math.max(...[click, ...spans].map(({ start, duration }) => start + duration));
  const percent = (time) => Math.min(100, Math.max(0, ((time - from) / (to - from)) * 100));
  const rows = (span, depth) => {
    const left = percent(span.start);
    const width = percent(span.start + span.duration) - left;
    const below = (children.get(span.id) ?? []).flatMap((child) => rows(child, depth + 1));
    const { name, duration: ms, failed } = span;
    return [{ depth, operation: name.split(' ')[0], label: labelOf(span), left, width, ms, failed }, ...below];
  };
  return rows(click, 0);
}

function clickOf({ traceparent, startedAt, outcome }) {
  const [, , id] = traceparent.split('-');
  return { id, name: 'click', start: performance.timeOrigin + startedAt, duration: outcome.ms, details: {} };
}

function labelOf({ name, details }) {
  const [operation] = name.split(' ');
  const attempt = details['kafka_socket.attempt'] ? ` · attempt ${details['kafka_socket.attempt']}` : '';
  if (operation === 'process') return `${details['code.function.name']}${attempt}`;
  return details['kafka_socket.message.type'] ?? details['kafka_socket.command'] ?? operation;
}
