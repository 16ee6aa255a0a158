import { catalogue } from './catalogue.js';
import { h, setTone } from './dom.js';
import { money } from './format.js';
import { readAmount } from './number.input.js';

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
    this.#settle = h(
      'button',
      { type: 'button', 'aria-label': `Settle ${entry.title}`, 'data-testid': `settle-${lot}`, disabled: true },
      'Settle',
    );
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
    this.#showPrice(leading ? `${sold ? 'sold ' : ''}${money(leading)}` : '—');
    this.#showHolder(holder, sold);
    this.#showReserve(reserve, leading);
    if (document.activeElement === this.#amount) return;
    this.#amount.value = suggestion(leading);
    this.#amount.removeAttribute('aria-invalid');
  }

  #showPrice(text) {
    if (this.#price.textContent === text) return;
    this.#price.textContent = text;
    this.#price.classList.remove('fresh');
    void this.#price.offsetWidth; // restarts the animation
    this.#price.classList.add('fresh');
  }

  #showHolder(holder, sold) {
    const words = sold ? { you: 'to you', other: 'to another' } : { you: 'you lead', other: 'another leads' };
    this.#holder.textContent = words[holder] ?? 'no bids yet';
    setTone(this.#holder, sold || holder === 'you' ? 'go' : holder && 'event');
  }

  #showReserve(reserve, leading) {
    const met = leading >= reserve;
    const text = `reserve ${money(reserve)}${met ? ', met' : ''}`;
    this.#reserve.textContent = reserve === undefined ? 'no reserve known' : text;
    setTone(this.#reserve, reserve === undefined ? undefined : met ? 'go' : 'event');
  }

  #bidForm(lot, title, actions) {
    this.#amount = amountInput(`bid-amount-${lot}`, `Your bid for ${title}, in euros`, suggestion(0));
    const button = h('button', { class: 'main', 'aria-label': `Bid for ${title}`, 'data-testid': `bid-${lot}` }, 'Bid');
    // `novalidate`: what a bid may be is the service's to say, and the page shows how it says it.
    const form = h('form', { class: 'bid', novalidate: true }, this.#amount, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#runWith(this.#amount, button, (amount) => actions.bid(lot, amount));
    });
    return form;
  }

  #footer(lot, title, actions) {
    const amount = amountInput(`reserve-amount-${lot}`, `Reserve for ${title}, in euros`, '500');
    const save = h(
      'button',
      { 'aria-label': `Save the reserve for ${title}`, 'data-testid': `reserve-save-${lot}` },
      'Save',
    );
    const form = h('form', { class: 'reserve', novalidate: true, hidden: true }, amount, save);
    const open = h(
      'button',
      {
        type: 'button',
        'aria-label': `Reserve for ${title}`,
        'aria-expanded': 'false',
        'data-testid': `reserve-open-${lot}`,
      },
      'Reserve',
    );
    open.addEventListener('click', () => {
      form.hidden = !form.hidden;
      open.setAttribute('aria-expanded', String(!form.hidden));
      if (!form.hidden) amount.focus();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#runWith(amount, save, (value) => actions.setReserve(lot, value));
    });
    return h('footer', {}, this.#reserve, h('span', { class: 'buttons' }, open, this.#settle), form);
  }

  /** Asks nothing where the field holds no number: there would be nothing to ask. */
  async #runWith(field, button, action) {
    const { value, problem } = readAmount(field);
    if (problem) this.#say({ text: problem, tone: 'bad' });
    else await this.#run(button, () => action(value));
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
