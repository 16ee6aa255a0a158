import { duration, money, place } from './format.js';

const TONES = { success: 'go', invalid: 'bad', rejected: 'bad', failed: 'bad', timeout: 'late', unknown: 'late' };

/** Codes are what programs compare; the words for people are the page's own. */
const SENTENCES = {
  BID_TOO_LOW: 'Too low: another bid leads.',
  NO_BIDS: 'There is no bid to settle.',
  timeout: 'No answer in time. What was not begun by then never will be.',
  failed: 'It failed. The service knows more, and keeps it to itself.',
  unknown: 'Nobody can tell how it ended.',
  unavailable: 'There is no way to the auction now.',
};

/** How a request stands, in a word and a colour. */
export function verdict(request) {
  if (request.outcome) return { word: wordOf(request.outcome), tone: TONES[request.outcome.status] ?? 'bad' };
  if (request.accepted) return { word: 'in Kafka', tone: undefined };
  return { word: request.requestId ? 'sent' : 'waiting', tone: undefined };
}

function wordOf({ status, code }) {
  return status === 'rejected' && code ? code : status;
}

/** What a request asks for, in short. */
export function subject({ command, payload }) {
  const values = Object.entries(payload).map(([name, value]) =>
    name === 'amount' ? money(value) : `${name} ${value}`,
  );
  return values.length > 0 ? `${command} · ${values.join(', ')}` : command;
}

/** What an outcome that is no success means to the person who asked. */
export function failureText({ status, code, message, errors }) {
  if (status === 'invalid') return errors.flatMap((error) => error.constraints).join('; ');
  return SENTENCES[code] ?? SENTENCES[status] ?? message ?? status;
}

/**
 * The steps that a request has taken so far, as the map lights them and the list tells them:
 * `{ tone, lights: [segment…], station, cell?, waiting?, what, detail, ms? }`.
 */
export function stepsOf(request) {
  const steps = [setOut(request)];
  if (request.accepted) steps.push(published(request), stored(request));
  if (request.accepted && !request.outcome) steps.push(waiting(request));
  if (request.outcome) steps.push(...(request.accepted ? ending(request) : [turnedAway(request)]));
  if (request.late) steps.push(tooLate(request));
  return steps;
}

function setOut({ command, requestId }) {
  const detail = requestId ? `${command}, with this page’s public key` : 'waits for the connection';
  return {
    tone: 'go',
    lights: [],
    station: 'browser',
    what: 'Your browser asks',
    detail,
    ms: requestId ? 0 : undefined,
  };
}

function published({ ttl }) {
  return {
    tone: 'go',
    lights: ['browser-gateway', 'gateway-timer'],
    station: 'gateway',
    what: 'The gateway stamps it',
    detail: `bread crumbs, deadline in ${duration(ttl)}, time-out armed`,
  };
}

function stored({ accepted }) {
  return {
    tone: 'go',
    lights: ['gateway-kafka'],
    station: 'kafka',
    cell: { at: accepted.at, name: 'command' },
    what: 'Kafka has it',
    detail: place(accepted.at),
    ms: accepted.ms,
  };
}

function waiting({ command }) {
  const detail =
    command === 'Settle' ? 'the auction charges the buyer through the payment service' : 'it handles its key in order';
  return {
    tone: 'go',
    lights: ['kafka-service'],
    station: 'service',
    waiting: true,
    what: 'The service is asked',
    detail,
  };
}

function ending(request) {
  return request.outcome.status === 'timeout' ? timedOut(request) : answered(request);
}

function answered({ command, accepted, answer, events, outcome }) {
  const tone = TONES[outcome.status] ?? 'bad';
  const handled = {
    tone: 'go',
    lights: ['kafka-service'],
    station: 'service',
    what: 'The service handles it',
    detail: '',
  };
  handled.detail = answer ? `back in Kafka ${duration(answer.ms - accepted.ms)} after` : 'in the order of its key';
  const steps = [handled];
  if (command === 'Settle' && outcome.status === 'success') steps.push(charged());
  steps.push(...home({ answer, outcome, tone, from: 'service-kafka', source: 'The result follows it' }));
  return [...steps, ...events.map(broadcast)];
}

function charged() {
  return {
    tone: 'go',
    lights: ['service-payment'],
    station: 'payment',
    what: 'A second service takes part',
    detail: 'payment charges the buyer; the auction replies when it hears of it',
  };
}

function broadcast({ at, type, ms }) {
  return {
    tone: 'event',
    lights: ['gateway-everyone'],
    station: 'everyone',
    cell: { at, name: type },
    what: `${type} goes to everyone`,
    detail: place(at),
    ms,
  };
}

/** Whether the service had begun is not for a client to know; it only knows what it asked for. */
function timedOut({ command, answer, outcome }) {
  const begun = command === 'Work';
  const silent = {
    tone: 'late',
    lights: ['kafka-service'],
    station: 'service',
    what: 'The service has no answer yet',
    detail: begun ? 'it is still at work' : 'the command waits its turn in Kafka',
  };
  const over = begun
    ? {
        station: 'service',
        lights: [],
        what: 'The service is told to stop',
        detail: 'its AbortSignal aborts at the deadline',
      }
    : {
        station: 'dead',
        lights: ['service-dead'],
        what: 'Whoever reads it now is too late',
        detail: 'past its deadline it is not handled: it goes to auction.dlq',
      };
  const way = home({ answer, outcome, tone: 'late', from: 'timer-kafka', source: 'The time-out wakes' });
  return [silent, ...way, { tone: 'late', ...over }];
}

/** From the result's record in Kafka back to the browser. */
function home({ answer, outcome, tone, from, source }) {
  const steps = [];
  if (answer) {
    steps.push({
      tone,
      lights: [from],
      station: from === 'timer-kafka' ? 'timer' : 'kafka',
      cell: { at: answer.at, name: outcome.status },
      what: source,
      detail: `${outcome.status} at ${place(answer.at)}, the first is final`,
    });
    steps.push({
      tone,
      lights: ['kafka-gateway'],
      station: 'gateway',
      what: 'The gateway seals it',
      detail: 'only this page has the key',
    });
  }
  steps.push({
    tone,
    lights: answer ? ['gateway-browser'] : [],
    station: 'browser',
    what: `Your browser opens it: ${outcome.status}`,
    detail: outcome.status === 'rejected' ? outcome.code : '',
    ms: outcome.ms,
  });
  return steps;
}

function turnedAway({ outcome }) {
  return {
    tone: 'bad',
    lights: ['browser-gateway'],
    station: 'gateway',
    what: `Not accepted: ${outcome.code ?? outcome.status}`,
    detail: outcome.message ?? '',
    ms: outcome.ms,
  };
}

function tooLate({ late }) {
  return {
    tone: 'late',
    lights: ['service-kafka'],
    station: 'kafka',
    what: `An answer came too late: ${late.status}`,
    detail: 'the log was decided already, so it changes nothing',
    ms: late.ms,
  };
}
