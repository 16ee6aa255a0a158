import { nameOf } from './catalogue.js';
import { h } from './dom.js';
import { clock } from './format.js';

const KEPT = 100;

/** What happens to everyone, newest first. */
export class RoomView {
  #list = h('ol', { class: 'rows', 'data-testid': 'room', 'data-empty': 'Nothing yet. The first bid opens the sale.' });

  constructor(container) {
    container.append(this.#list);
  }

  /** @param news `{ lot, text, who, time, caughtUp }` */
  add({ lot, text, who, time, caughtUp }) {
    const row = h(
      'li',
      { class: 'row', 'data-testid': 'event', 'data-lot': lot, 'data-caught-up': caughtUp },
      h('span', { class: 'title' }, text),
      h(
        'span',
        { class: 'chips' },
        caughtUp && h('span', { class: 'chip tone-event' }, 'caught up'),
        who && h('span', { class: who === 'you' ? 'chip tone-go' : 'chip' }, who),
      ),
      h('span', { class: 'small' }, `${nameOf(lot)} · ${clock(new Date(time))}`),
    );
    this.#list.prepend(row);
    if (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
  }
}
