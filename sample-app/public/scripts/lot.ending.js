import { h, setTone } from './dom.js';
import { countdown } from './format.js';
import { readSeconds } from './number.input.js';

/** How often the countdown is drawn, in milliseconds: often enough to miss no second. */
const PACE = 250;

/**
 * When a lot ends: a countdown, and a form that sets it.
 * @param card `label(element, words)` names what the lot's title is a part of, `run(button, action)` shows what comes of an action;
 *   and the action `setEnd`
 */
export function lotEnding(lot, { label, run, setEnd }) {
  const chip = h('span', { class: 'chip', role: 'timer', 'data-testid': `ending-${lot}` });
  const field = h('input', {
    inputmode: 'decimal',
    autocomplete: 'off',
    value: '60',
    'data-testid': `end-seconds-${lot}`,
  });
  const save = h('button', { 'data-testid': `end-save-${lot}` }, 'Start');
  const form = h(
    'form',
    { class: 'edit', novalidate: true, hidden: true },
    field,
    h('span', { class: 'hint' }, 's'),
    save,
  );
  const open = h('button', { type: 'button', 'aria-expanded': 'false', 'data-testid': `end-open-${lot}` }, 'End');
  label(field, (name) => `Seconds until ${name} ends`);
  label(save, (name) => `Start the countdown for ${name}`);
  label(open, (name) => `Set the end of ${name}`);

  const show = (shown) => {
    form.hidden = !shown;
    open.setAttribute('aria-expanded', String(shown));
  };
  open.addEventListener('click', () => {
    show(form.hidden);
    if (!form.hidden) field.focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run(save, async () => {
      const { value, problem } = readSeconds(field);
      if (problem) return { text: problem, tone: 'bad' };
      const answer = await setEnd(lot, value * 1_000);
      if (answer.tone === 'go') show(false);
      return answer;
    });
  });
  return { element: h('div', { class: 'ending' }, chip, open, form), show: countingDown(chip) };
}

/** Draws how a lot stands, and draws it again while its time runs. */
function countingDown(chip) {
  let timer;
  return function draw(state) {
    clearTimeout(timer);
    const left = state.ends - Date.now();
    const { text, tone } = standing(state, left);
    chip.textContent = text;
    setTone(chip, tone);
    if (left > 0 && !state.closed) timer = setTimeout(() => draw(state), Math.min(PACE, left));
  };
}

function standing({ ends, overtime, closed, trouble, sold }, left) {
  if (trouble?.failed) return { text: 'not paid', tone: 'bad' };
  if (trouble) return { text: `paying, try ${trouble.attempt + 1} of ${trouble.attempts}`, tone: 'late' };
  if (closed) return { text: 'closed', tone: sold ? 'go' : undefined };
  if (ends === undefined) return { text: 'no end set' };
  if (left <= 0) return { text: 'the hammer falls…', tone: 'late' };
  if (left <= overtime) return { text: `last call, ${countdown(left)}`, tone: 'late' };
  return { text: `ends in ${countdown(left)}`, tone: 'event' };
}
