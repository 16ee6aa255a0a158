import { h } from './dom.js';
import { readMilliseconds } from './number.input.js';

/** What the service takes for `ms`, and the gateway for `ttl`. */
const MOST_WORK = 600_000;
const LONGEST_TTL = 300_000;

/**
 * Things to break.
 * @param actions `pause(seconds)`, `work(payload, ttl)` and `bank(fails)`
 */
export function showTrials(container, actions) {
  container.append(pauseTrial(actions), bankTrial(actions), workTrial(actions), companyTrial());
}

function pauseTrial(actions) {
  const button = h('button', { type: 'button', 'data-testid': 'pause' }, 'Pause the service for 5 s');
  // Not `disabled`: that would take the focus away from whoever pressed it with a key.
  button.addEventListener('click', async () => {
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    button.textContent = 'The service is asleep…';
    await actions.pause(5);
    button.ariaDisabled = 'false';
    button.textContent = 'Pause the service for 5 s';
  });
  return trial(
    'A service that sleeps',
    'Then bid: the command waits in Kafka, and after 3 s the time-out tells you. When the service wakes, the bid is too late for good.',
    button,
  );
}

function bankTrial(actions) {
  const fails = h(
    'select',
    { id: 'bank-fails', 'data-testid': 'bank-fails', 'aria-label': 'The bank' },
    h('option', { value: '0' }, 'works'),
    h('option', { value: '3' }, 'fails 3 times, then works'),
    h('option', { value: '100' }, 'is away for good'),
  );
  fails.addEventListener('change', () => actions.bank(Number(fails.value)));
  return trial(
    'A bank that stutters',
    'Then settle a lot: the payment is tried again, at most five times, each time after a longer pause, and never after the deadline.',
    fails,
  );
}

function workTrial(actions) {
  const ms = h('input', { id: 'work-ms', inputmode: 'numeric', value: '1000', 'data-testid': 'work-ms' });
  const ttl = h('input', { id: 'work-ttl', inputmode: 'numeric', value: '3000', 'data-testid': 'work-ttl' });
  const fail = h(
    'select',
    { id: 'work-fail', 'data-testid': 'work-fail' },
    h('option', { value: '' }, 'succeed'),
    h('option', { value: 'throw' }, 'throw'),
    h('option', { value: 'reject' }, 'reject'),
    h('option', { value: 'flaky' }, 'fail at first'),
  );
  const problem = h('p', { class: 'problem', role: 'status', 'data-testid': 'work-problem' });
  const form = h(
    'form',
    { novalidate: true },
    h('div', { class: 'fields' }, labelled('takes, ms', ms), labelled('may take, ms', ttl), labelled('and will', fail)),
    h('button', { 'data-testid': 'work' }, 'Give it work'),
    problem,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const [takes, mayTake] = [readMilliseconds(ms, 0, MOST_WORK), readMilliseconds(ttl, 1, LONGEST_TTL)];
    problem.textContent = takes.problem ?? mayTake.problem ?? '';
    if (problem.textContent) return;
    void actions.work({ ms: takes.value, ...(fail.value && { fail: fail.value }), value: 'done' }, mayTake.value);
  });
  return trial('Work that takes its time', 'Longer than it may take, or failing one way or the other.', form);
}

function companyTrial() {
  const button = h('button', { type: 'button', 'data-testid': 'second' }, 'Open a second bidder');
  button.addEventListener('click', () => window.open(location.href, '_blank', 'noopener'));
  return trial(
    'Company',
    'Cut the connection here, bid there, reconnect here: you get what you missed, once, in order.',
    button,
  );
}

function trial(title, hint, ...content) {
  return h('div', { class: 'trial' }, h('h3', {}, title), h('p', { class: 'hint' }, hint), ...content);
}

function labelled(text, field) {
  return h('span', {}, h('label', { for: field.id }, text), field);
}
