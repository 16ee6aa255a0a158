import { catalogue } from './catalogue.js';
import { h, setTone } from './dom.js';
import { lotEditor } from './lot.editor.js';
import { lotEnding } from './lot.ending.js';
import { money } from './format.js';
import { readAmount } from './number.input.js';

/**
 * One card for each lot.
 * @param actions `bid`, `setReserve`, `setEnd`, `settle`, `retitle`, `withdraw`: each takes a lot (and what it is about) and resolves with
 *   `{ text, tone }`
 */
export function showLots(container, state, actions) {
  const cards = new Map();
  const show = (entry) => {
    if (cards.has(entry.lot)) {
      cards.get(entry.lot).name(entry);
      return;
    }
    const card = new LotCard(entry, actions);
    cards.set(entry.lot, card);
    container.append(card.element);
    card.show(state.lot(entry.lot));
  };
  for (const entry of catalogue.entries) show(entry);
  catalogue.addEventListener('shown', ({ detail }) => show(detail));
  catalogue.addEventListener('gone', ({ detail: { lot } }) => {
    cards.get(lot)?.element.remove();
    cards.delete(lot);
  });
  state.addEventListener('change', ({ detail }) => cards.get(detail.lot)?.show(detail));
}

class LotCard {
  #price;
  #holder;
  #reserve;
  #amount;
  #answer;
  #settle;
  #ending;
  #number = h('p', { class: 'number' });
  #title = h('h3', {});
  #labels = []; // whatever names the lot, with its words

  constructor(entry, actions) {
    const { lot } = entry;
    this.#price = h('output', { 'data-testid': `leading-${lot}` }, '—');
    this.#label(this.#price, (title) => `Leading bid for ${title}`);
    this.#holder = h('span', { class: 'chip', 'data-testid': `holder-${lot}` }, 'no bids yet');
    this.#reserve = h('span', { class: 'chip', 'data-testid': `reserve-${lot}` }, 'no reserve known');
    this.#answer = h(
      'p',
      { class: 'answer', role: 'status', 'data-testid': `answer-${lot}` },
      'Your result will stand here, and only here.',
    );
    this.#settle = h('button', { type: 'button', 'data-testid': `settle-${lot}`, disabled: true }, 'Settle');
    this.#label(this.#settle, (title) => `Settle ${title}`);
    this.#settle.addEventListener('click', () => this.#run(this.#settle, () => actions.settle(lot)));
    this.#ending = lotEnding(lot, {
      label: (element, words) => this.#label(element, words),
      run: (button, action) => this.#run(button, action),
      ...actions,
    });
    this.element = h(
      'article',
      { class: 'lot', 'data-testid': `lot-${lot}` },
      h('img', { src: entry.art, alt: entry.picture, width: 320, height: 180 }),
      h(
        'div',
        {},
        h('header', {}, this.#number, this.#title),
        h('div', { class: 'price' }, this.#price, this.#holder),
        this.#bidForm(lot, actions),
        this.#answer,
        this.#ending.element,
        this.#footer(lot, actions),
      ),
    );
    this.#label(this.element, (title) => `Lot ${lot}, ${title}`);
    this.name(entry);
  }

  /** The house calls it so. */
  name({ lot, title, maker }) {
    this.#number.textContent = `Lot ${lot} · ${maker}`;
    this.#title.textContent = title;
    for (const { element, words } of this.#labels) element.setAttribute('aria-label', words(title));
  }

  #label(element, words) {
    this.#labels.push({ element, words });
    return element;
  }

  show(state) {
    const { leading, holder, reserve, sold, closed } = state;
    this.#ending.show(state);
    this.element.classList.toggle('closed', closed);
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

  #bidForm(lot, actions) {
    this.#amount = amountInput(`bid-amount-${lot}`, suggestion(0));
    this.#label(this.#amount, (title) => `Your bid for ${title}, in euros`);
    const button = h('button', { class: 'main', 'data-testid': `bid-${lot}` }, 'Bid');
    this.#label(button, (title) => `Bid for ${title}`);
    // `novalidate`: what a bid may be is the service's to say, and the page shows how it says it.
    const form = h('form', { class: 'bid', novalidate: true }, this.#amount, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#runWith(this.#amount, button, (amount) => actions.bid(lot, amount));
    });
    return form;
  }

  #footer(lot, actions) {
    const amount = amountInput(`reserve-amount-${lot}`, '500');
    this.#label(amount, (title) => `Reserve for ${title}, in euros`);
    const save = h('button', { 'data-testid': `reserve-save-${lot}` }, 'Save');
    this.#label(save, (title) => `Save the reserve for ${title}`);
    const form = h('form', { class: 'reserve', novalidate: true, hidden: true }, amount, save);
    const open = h(
      'button',
      { type: 'button', 'aria-expanded': 'false', 'data-testid': `reserve-open-${lot}` },
      'Reserve',
    );
    this.#label(open, (title) => `Reserve for ${title}`);
    const editor = lotEditor(lot, {
      label: (element, words) => this.#label(element, words),
      run: (button, action) => this.#run(button, action),
      ...actions,
    });
    open.addEventListener('click', () => {
      form.hidden = !form.hidden;
      open.setAttribute('aria-expanded', String(!form.hidden));
      if (!form.hidden) amount.focus();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#runWith(amount, save, (value) => actions.setReserve(lot, value));
    });
    return h(
      'footer',
      {},
      this.#reserve,
      h('span', { class: 'buttons' }, editor.open, open, this.#settle),
      form,
      editor.form,
    );
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

function amountInput(testId, value) {
  return h('input', {
    type: 'text',
    inputmode: 'decimal',
    autocomplete: 'off',
    'data-testid': testId,
    value,
  });
}

/** What one would bid next. */
function suggestion(leading) {
  return String(leading ? Math.ceil((leading * 1.05 + 1) / 10) * 10 : 100);
}
