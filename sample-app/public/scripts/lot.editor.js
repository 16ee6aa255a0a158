import { catalogue } from './catalogue.js';
import { h } from './dom.js';

/**
 * Retitles a lot, or withdraws it. What is sent names the version that was on the page when the form was opened: where somebody
 * else was faster, the service says so, and nothing of theirs is lost.
 * @param card `label(element, words)` names what the lot's title is a part of, `run(button, action)` shows what comes of an action;
 *   and the actions `retitle`, `withdraw`
 */
export function lotEditor(lot, { label, run, retitle, withdraw }) {
  let seen;
  const title = h('input', { maxlength: 60, autocomplete: 'off', 'data-testid': `edit-title-${lot}` });
  const save = h('button', { 'data-testid': `edit-save-${lot}` }, 'Save');
  const gone = h('button', { type: 'button', class: 'danger', 'data-testid': `withdraw-${lot}` }, 'Withdraw');
  const form = h('form', { class: 'edit', novalidate: true, hidden: true }, title, save, gone);
  const open = h('button', { type: 'button', 'aria-expanded': 'false', 'data-testid': `edit-open-${lot}` }, 'Edit');
  label(title, (name) => `Title of ${name}`);
  label(save, (name) => `Save the title of ${name}`);
  label(gone, (name) => `Withdraw ${name}`);
  label(open, (name) => `Edit ${name}`);

  const look = () => (seen = catalogue.find(lot)?.version);
  const show = (shown) => {
    form.hidden = !shown;
    open.setAttribute('aria-expanded', String(shown));
  };
  open.addEventListener('click', () => {
    show(form.hidden);
    if (form.hidden) return;
    look();
    title.value = catalogue.find(lot)?.title ?? '';
    title.focus();
  });
  const act = async (action) => {
    const { conflict, ...answer } = await action();
    if (conflict)
      look(); // what stands on the page by now has been seen
    else if (answer.tone === 'go') show(false);
    return answer;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run(save, () => act(() => retitle(lot, title.value.trim(), seen)));
  });
  gone.addEventListener('click', () => void run(gone, () => act(() => withdraw(lot, seen))));
  return { open, form };
}
