import { h, setTone } from './dom.js';

/** Puts up a lot. @param create takes `{ title, maker }` and resolves with `{ text, tone }` */
export function showNewLot(container, create) {
  const title = h('input', {
    id: 'new-title',
    maxlength: 60,
    placeholder: 'What is it?',
    autocomplete: 'off',
    'data-testid': 'new-title',
  });
  const maker = h('input', {
    id: 'new-maker',
    maxlength: 60,
    placeholder: 'Of what, and when?',
    autocomplete: 'off',
    'data-testid': 'new-maker',
  });
  const button = h('button', { class: 'main', 'data-testid': 'new-lot' }, 'Put it up');
  const answer = h('p', { class: 'hint', role: 'status', 'data-testid': 'new-answer' });
  const form = h(
    'form',
    { novalidate: true },
    h('h2', {}, 'Put up a lot'),
    h('label', { class: 'visually-hidden', for: 'new-title' }, 'Title of the new lot'),
    title,
    h('label', { class: 'visually-hidden', for: 'new-maker' }, 'What it is made of, and when it was made'),
    maker,
    button,
    answer,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.setAttribute('aria-busy', 'true');
    const { text, tone } = await create({ title: title.value.trim(), maker: maker.value.trim() });
    button.removeAttribute('aria-busy');
    answer.textContent = text;
    setTone(answer, tone);
    if (tone === 'go') form.reset();
  });
  container.append(form);
}
