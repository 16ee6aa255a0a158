import { h } from './dom.js';
import { duration } from './format.js';
import { fetchTrace, rowsOf } from './trace.rows.js';

/** When the spans are asked for after an outcome: soon, and once more for those that end behind it. In milliseconds. */
const ASKED_AFTER = [60, 900];

const WHAT = { click: 'you', request: 'gateway', send: 'into Kafka', process: 'service', deliver: 'gateway' };

/** Draws where the time of one request went: the spans of its trace, one below the other, on one scale. */
export class TraceView {
  #rows = h('ol', { class: 'spans', 'data-testid': 'spans' });
  #note = h('p', { class: 'hint' });
  #request;
  #timers = [];
  element = h(
    'section',
    { class: 'trace', 'aria-label': 'Where the time went' },
    h('header', {}, h('h3', {}, 'Where the time went'), this.#note),
    this.#rows,
  );

  constructor() {
    this.element.hidden = true;
  }

  show(request) {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    this.#request = request;
    this.element.hidden = true;
    this.#rows.replaceChildren();
    this.update(request);
  }

  /** There is news of the request that is shown. */
  update(request) {
    if (!request.traceparent || !request.outcome || this.#timers.length > 0) return;
    this.#timers = ASKED_AFTER.map((delay) => setTimeout(() => void this.#load(request), delay));
  }

  async #load(request) {
    const trace = await fetchTrace(request.traceparent);
    if (request !== this.#request || !trace) return;
    this.#rows.replaceChildren(...rowsOf(request, trace.spans).map(row));
    this.#note.textContent = noteOn(trace, request.traceparent);
    this.element.hidden = false;
  }
}

function row({ depth, operation, label, left, width, ms, failed }) {
  const bar = h('span', { class: 'bar', style: `left: ${left}%; width: max(3px, ${width}%)` });
  const time = h('span', placeOfTime(left, width), duration(ms));
  return h(
    'li',
    { class: `span ${operation}${failed ? ' failed' : ''}` },
    h('span', { class: 'label', style: `--depth: ${depth}` }, h('b', {}, label), ` ${WHAT[operation] ?? ''}`),
    h('span', { class: 'lane' }, bar, time),
  );
}

/** Behind the bar, or where no room is left there before it; in it where it fills all. */
function placeOfTime(left, width) {
  if (left + width < 88) return { class: 'ms', style: `left: ${left + width}%` };
  if (left > 12) return { class: 'ms', style: `right: ${100 - left}%` };
  return { class: 'ms inside', style: `right: ${100 - left - width}%` };
}

function noteOn({ role }, traceparent) {
  const id = `Trace ${traceparent.split('-')[1]}.`;
  if (role === 'all') return id;
  return `${id} Only what this process, the ${role}, did: the others keep their own spans. Set OTEL_EXPORTER_OTLP_ENDPOINT for all of them, and a collector has the whole.`;
}
