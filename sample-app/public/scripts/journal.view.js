import { h, setTone } from './dom.js';
import { clock, duration } from './format.js';
import { subject, verdict } from './request.story.js';

/** This page's requests, newest first; choosing one shows its path. */
export class JournalView {
  #list = h('ol', { class: 'rows', 'data-testid': 'journal', 'data-empty': 'You have asked for nothing yet.' });
  #rows = new Map();
  #chosen;

  constructor(container, journal, onChoose) {
    this.onChoose = onChoose;
    container.append(this.#list);
    journal.addEventListener('add', ({ detail }) => this.#add(detail));
    journal.addEventListener('change', ({ detail }) => this.#rows.get(detail.id)?.show(detail));
    journal.addEventListener('remove', ({ detail }) => this.#remove(detail));
  }

  choose(request) {
    this.#rows.get(this.#chosen)?.press(false);
    this.#rows.get(request.id)?.press(true);
    this.#chosen = request.id;
    this.onChoose(request);
  }

  #add(request) {
    const row = new JournalRow(request, () => this.choose(request));
    this.#rows.set(request.id, row);
    this.#list.prepend(row.element);
  }

  #remove({ id }) {
    this.#rows.get(id)?.element.remove();
    this.#rows.delete(id);
  }
}

/** One request. It stays the same element while its request goes on, so that it appears once and keeps the focus. */
class JournalRow {
  #verdict = h('span', { class: 'chip' });
  #small = h('span', { class: 'small' });
  #button;

  constructor(request, onclick) {
    this.#button = h(
      'button',
      { class: 'row', type: 'button', 'aria-pressed': 'false', 'data-testid': 'request', onclick },
      h('span', { class: 'title' }, subject(request)),
      this.#verdict,
      this.#small,
    );
    this.element = h('li', {}, this.#button);
    this.show(request);
  }

  show(request) {
    const { time, outcome, late, quiet } = request;
    const { word, tone } = verdict(request);
    this.#verdict.textContent = word;
    setTone(this.#verdict, tone);
    const took = outcome ? ` · ${duration(outcome.ms)}` : '';
    const after = late ? ` · ${late.status} came ${outcome?.status === 'unknown' ? 'after all' : 'too late'}` : '';
    this.#small.textContent = `${clock(time)}${took}${after}${quiet ? ' · asked by the page itself' : ''}`;
    if (outcome) this.#button.dataset.status = outcome.status;
  }

  press(pressed) {
    this.#button.setAttribute('aria-pressed', String(pressed));
  }
}
