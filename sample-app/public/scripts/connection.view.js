import { h, setTone } from './dom.js';

const WORDS = {
  connecting: ['connecting', 'late'],
  recovering: ['catching up', 'late'],
  live: ['live', 'go'],
  waiting: ['reconnecting', 'late'],
  cut: ['cut off', 'bad'],
  closed: ['closed', 'bad'],
};

/** Tells how the connection is, and cuts it. */
export function showConnection(container, saleroom) {
  const state = h('span', { class: 'chip state', role: 'status', 'data-testid': 'connection' });
  const note = h('span', { class: 'hint', role: 'status', 'data-testid': 'caught-up' });
  const button = h('button', { type: 'button' });
  button.addEventListener('click', () => (saleroom.state === 'cut' ? saleroom.reconnect() : saleroom.cut()));
  container.append(note, state, button);

  const show = () => {
    const [word, tone] = WORDS[saleroom.state];
    state.textContent = word;
    setTone(state, tone);
    button.textContent = saleroom.state === 'cut' ? 'Reconnect' : 'Cut the connection';
    button.dataset.testid = saleroom.state === 'cut' ? 'reconnect' : 'cut';
    if (saleroom.state === 'cut') note.textContent = 'What others do now, you will catch up on.';
  };
  saleroom.addEventListener('state', show);
  saleroom.addEventListener('recovered', ({ detail: { count, complete } }) => {
    const all = complete ? '' : ' (the log no longer holds all of it)';
    note.textContent = count
      ? `Caught up on ${count} ${count === 1 ? 'message' : 'messages'}${all}`
      : `Missed nothing${all}`;
  });
  show();
}
