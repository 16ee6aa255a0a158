import { h } from './dom.js';
import { PathMap, stepItem } from './path.map.js';
import { stepsOf, subject } from './request.story.js';
import { TraceView } from './trace.view.js';

/** Steps of a few milliseconds are shown one by one, slowly enough to be seen; the times beside them are the real ones. */
const PACE = 240;

/** Draws the path of one request as it happens. */
export class PathView {
  #map = new PathMap();
  #list = h('ol', { class: 'steps', 'data-testid': 'steps' });
  #trace = new TraceView();
  #request;
  #steps = [];
  #timer;

  constructor(container, subjectLine) {
    this.subjectLine = subjectLine;
    subjectLine.textContent = 'Place a bid and watch it travel. The times are those that this page saw.';
    container.append(this.#map.element, this.#list, this.#trace.element);
  }

  /** Shows another request, as far as it is. */
  show(request) {
    this.#request = request;
    this.subjectLine.textContent = subject(request);
    this.#keep(0);
    this.#trace.show(request);
    this.update(request);
  }

  /** There is news of a request. */
  update(request) {
    if (request !== this.#request) return;
    this.#trace.update(request);
    if (!this.#timer) this.#timer = setTimeout(() => this.#advance(), 0);
  }

  /** Draws the service asleep, whatever else is drawn. */
  serviceSleeps(asleep) {
    this.#map.serviceSleeps(asleep);
  }

  /** Shows the next step. One that turned into another since (the service answered) gives way first. */
  #advance() {
    this.#timer = undefined;
    const steps = stepsOf(this.#request);
    const changed = this.#steps.findIndex(
      ({ what, detail, ms }, index) =>
        what !== steps[index]?.what || detail !== steps[index].detail || ms !== steps[index].ms,
    );
    if (changed !== -1) this.#keep(changed);
    if (this.#steps.length === steps.length) return;
    this.#add(steps[this.#steps.length]);
    this.#timer = setTimeout(() => this.#advance(), PACE);
  }

  /** Takes back all steps but the first ones. */
  #keep(count) {
    this.#steps.length = count;
    this.#map.clear();
    for (const step of this.#steps) this.#map.show(step);
    while (this.#list.children.length > count) this.#list.lastElementChild.remove();
  }

  #add(step) {
    this.#steps.push(step);
    this.#map.show(step);
    this.#list.append(stepItem(step));
  }
}
