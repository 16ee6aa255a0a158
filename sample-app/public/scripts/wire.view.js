import { h } from './dom.js';

const KEPT = 80;

/** The last frames of the socket. */
export class WireView {
  #list = h('ol', { 'data-testid': 'wire', tabindex: '0', 'aria-label': 'Frames, newest first' });

  constructor(container) {
    container.append(this.#list);
  }

  add(direction, { event, data }) {
    const out = direction === 'out';
    const row = h(
      'li',
      {},
      h(
        'span',
        { class: out ? 'arrow tone-go' : 'arrow tone-event', title: out ? 'sent' : 'received' },
        out ? '→' : '←',
      ),
      h('span', { title: event }, event),
      h('span', { class: 'data' }, JSON.stringify(data)),
    );
    this.#list.prepend(row);
    if (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
  }
}
