import { catalogue } from './catalogue.js';
import { h, setTone } from './dom.js';
import { money } from './format.js';

/**
 * One card for each lot.
 * @param actions `bid`, `setReserve`, `settle`: each takes a lot (and an amount) and resolves with `{ text, tone }`
 */
export function showLots(container, state, actions) {
  const cards = new Map(catalogue.map((entry) => [entry.lot, new LotCard(entry, actions)]));
  container.append(...[...cards.values()].map((card) => card.element));
  state.addEventListener('change', ({ detail }) => cards.get(detail.lot)?.show(detail));
}

class LotCard {
  #price;
  #holder;
  #reserve;
  #amount;
  #answer;
  #settle;

  constructor(entry, actions) {
    const { lot } = entry;
    this.#price = h('output', { 'data-testid': `leading-${lot}`, 'aria-label': `Leading bid for ${entry.title}` }, '—');
    this.#holder = h('span', { class: 'chip', 'data-testid': `holder-${lot}` }, 'no bids yet');
    this.#reserve = h('span', { class: 'chip', 'data-testid': `reserve-${lot}` }, 'no reserve known');
    this.#answer = h(
      'p',
      { class: 'answer', role: 'status', 'data-testid': `answer-${lot}` },
      'Your result will stand here, and only here.',
    );
    this.#settle = h('button', { type: 'button', 'data-testid': `settle-${lot}`, disabled: true }, 'Settle');
    this.#settle.addEventListener('click', () => this.#run(this.#settle, () => actions.settle(lot)));
    this.element = h(
      'article',
      { class: 'lot', 'data-testid': `lot-${lot}`, 'aria-label': `Lot ${lot}, ${entry.title}` },
      h('img', { src: entry.art, alt: entry.picture, width: 320, height: 180 }),
      h(
        'div',
        {},
        h('header', {}, h('p', { class: 'number' }, `Lot ${lot} · ${entry.maker}`), h('h3', {}, entry.title)),
        h('div', { class: 'price' }, this.#price, this.#holder),
        this.#bidForm(lot, entry.title, actions),
        this.#answer,
        this.#footer(lot, entry.title, actions),
      ),
    );
  }

  show({ leading, holder, reserve, sold }) {
    this.element.classList.toggle('leading', holder === 'you');
    this.#settle.disabled = leading === 0;
    this.#showPrice(sold ? `sold ${money(sold.amount)}` : leading ? money(leading) : '—');
    this.#showHolder(holder, sold);
    if (reserve !== undefined) this.#showReserve(reserve, leading);
    if (document.activeElement !== this.#amount) this.#amount.value = suggestion(leading);
  }

  #showPrice(text) {
    if (this.#price.textContent === text) return;
    this.#price.textContent = text;
    this.#price.classList.remove('fresh');
    void this.#price.offsetWidth; // restarts the animation
    this.#price.classList.add('fresh');
  }

  #showHolder(holder, sold) {
    const text = sold ? (sold.mine ? 'to you' : 'to another') : { you: 'you lead', other: 'another leads' }[holder];
    this.#holder.textContent = text ?? 'no bids yet';
    setTone(this.#holder, sold || holder === 'you' ? 'go' : holder && 'event');
  }

  #showReserve(reserve, leading) {
    this.#reserve.textContent = `reserve ${money(reserve)}${leading >= reserve ? ', met' : ''}`;
    setTone(this.#reserve, leading >= reserve ? 'go' : 'event');
  }

  #bidForm(lot, title, actions) {
    this.#amount = amountInput(`bid-amount-${lot}`, `Your bid for ${title}, in euros`, suggestion(0));
    const button = h('button', { class: 'main', 'data-testid': `bid-${lot}` }, 'Bid');
    // `novalidate`: what a bid may be is the service's to say, and the page shows how it says it.
    const form = h('form', { class: 'bid', novalidate: true }, this.#amount, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run(button, () => actions.bid(lot, Number(this.#amount.value)));
    });
    return form;
  }

  #footer(lot, title, actions) {
    const amount = amountInput(`reserve-amount-${lot}`, `Reserve for ${title}, in euros`, '500');
    const save = h('button', { 'data-testid': `reserve-save-${lot}` }, 'Save');
    const form = h('form', { class: 'reserve', novalidate: true, hidden: true }, amount, save);
    const open = h(
      'button',
      { type: 'button', 'aria-expanded': 'false', 'data-testid': `reserve-open-${lot}` },
      'Reserve',
    );
    open.addEventListener('click', () => {
      form.hidden = !form.hidden;
      open.setAttribute('aria-expanded', String(!form.hidden));
      if (!form.hidden) amount.focus();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run(save, () => actions.setReserve(lot, Number(amount.value)));
    });
    return h('footer', {}, this.#reserve, h('span', { class: 'buttons' }, open, this.#settle), form);
  }

  async #run(button, action) {
    button.setAttribute('aria-busy', 'true');
    this.#say({ text: 'Asked. Waiting for the outcome…' });
    const answer = await action();
    button.removeAttribute('aria-busy');
    this.#say(answer);
  }

  #say({ text, tone }) {
    this.#answer.textContent = text;
    setTone(this.#answer, tone);
  }
}

function amountInput(testId, label, value) {
  return h('input', {
    type: 'text',
    inputmode: 'decimal',
    autocomplete: 'off',
    'aria-label': label,
    'data-testid': testId,
    value,
  });
}

/** What one would bid next. */
function suggestion(leading) {
  return String(leading ? Math.ceil((leading * 1.05 + 1) / 10) * 10 : 100);
}
