import { h } from './dom.js';
import { clock, duration } from './format.js';
import { subject, verdict } from './request.story.js';

/** This page's requests, newest first; choosing one shows its path. */
export class JournalView {
  #list = h('ol', { class: 'rows', 'data-testid': 'journal', 'data-empty': 'You have asked for nothing yet.' });
  #chosen;

  constructor(container, journal, onChoose) {
    this.journal = journal;
    this.onChoose = onChoose;
    container.append(this.#list);
    journal.addEventListener('change', () => this.#show());
  }

  choose(request) {
    this.#chosen = request.id;
    this.onChoose(request);
    this.#show();
  }

  #show() {
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    this.#list.replaceChildren(...this.journal.all.map((request) => h('li', {}, this.#row(request))));
    this.#list.querySelector(`[data-id="${focused}"]`)?.focus();
  }

  #row(request) {
    const { word, tone } = verdict(request);
    const took = request.outcome ? ` · ${duration(request.outcome.ms)}` : '';
    const late = request.late ? ` · ${request.late.status} came too late` : '';
    return h(
      'button',
      {
        class: 'row',
        type: 'button',
        'aria-pressed': String(request.id === this.#chosen),
        'data-testid': 'request',
        'data-id': request.id,
        'data-status': request.outcome?.status,
        onclick: () => this.choose(request),
      },
      h('span', { class: 'title' }, subject(request)),
      h('span', { class: tone ? `chip tone-${tone}` : 'chip' }, word),
      h(
        'span',
        { class: 'small' },
        `${clock(request.time)}${took}${late}${request.quiet ? ' · asked by the page itself' : ''}`,
      ),
    );
  }
}
