import { duration, money, place } from './format.js';

/** How those end whose outcome stands in the log; all others never had one. */
const TONES = { success: 'go', invalid: 'bad', rejected: 'bad', failed: 'bad', timeout: 'late' };

/** Words for people. What was rejected, the service explains in its own. */
const BY_CODE = {
  unavailable: 'The gateway could not hand it on. Nothing was done, so it may be tried again.',
  never_sent: 'There was no connection in time, so it never left this page. Nothing was done.',
};
const BY_STATUS = {
  timeout: 'No answer in time. What was not begun by then never will be.',
  failed: 'It failed. The service knows more, and keeps it to itself.',
  unknown: 'Nobody can tell whether it was carried out.',
};

/** How a request stands, in a word and a colour. */
export function verdict(request) {
  if (request.outcome) return { word: wordOf(request.outcome), tone: toneOf(request.outcome) };
  const last = request.progress.at(-1);
  if (last) return { word: `attempt ${last.attempt + 1} of ${last.attempts}`, tone: 'late' };
  if (request.accepted) return { word: 'in Kafka', tone: undefined };
  return { word: request.requestId ? 'sent' : 'waiting', tone: undefined };
}

function wordOf({ status, code }) {
  return code && (status === 'rejected' || status === 'unavailable') ? code : status;
}

function toneOf({ status }) {
  return TONES[status] ?? (status === 'unknown' ? 'late' : 'bad');
}

/** What a request asks for, in short. */
export function subject({ command, payload }) {
  const values = Object.entries(payload).map(([name, value]) =>
    name === 'amount' ? money(value) : `${name} ${value}`,
  );
  return values.length > 0 ? `${command} · ${values.join(', ')}` : command;
}

/** What an outcome that is no success means to the person who asked. */
export function failureText({ status, code, reason, errors }) {
  if (status === 'invalid') return errors.flatMap((error) => error.constraints).join('; ');
  return BY_CODE[code] ?? BY_STATUS[status] ?? reason ?? code ?? status;
}

/**
 * The steps that a request has taken so far, as the map lights them and the list tells them:
 * `{ tone, lights: [segment…], station, cell?, waiting?, what, detail, ms? }`.
 */
export function stepsOf(request) {
  const { accepted, progress, answer, outcome, late } = request;
  const steps = [setOut(request)];
  if (accepted || answer) steps.push(published(request), stored(request));
  steps.push(...progress.map(triedAgain));
  if (accepted && !outcome) steps.push(waiting(request));
  if (outcome) steps.push(...(outcome.status in TONES ? ending(request) : [withoutOutcome(request)]));
  if (late) steps.push(tooLate(request));
  return steps;
}

function setOut({ command, requestId, outcome }) {
  const waits = outcome ? command : 'waits for the connection';
  const detail = requestId ? `${command}, with this page’s public key` : waits;
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

/** Where the connection was lost before the gateway could say so, the outcome tells that Kafka has it. */
function stored({ accepted }) {
  const step = { tone: 'go', lights: ['gateway-kafka'], station: 'kafka', what: 'Kafka has it' };
  if (!accepted) return { ...step, detail: 'the word of it was lost with the connection' };
  return {
    ...step,
    cell: { at: accepted.at, name: 'command' },
    detail: place(accepted.at),
    ms: accepted.ms,
  };
}

/** The service says so itself, to whoever asked. */
function triedAgain({ attempt, attempts, next, ms }) {
  return {
    tone: 'late',
    lights: ['kafka-service'],
    station: 'service',
    what: `Attempt ${attempt} of ${attempts} fails`,
    detail: `it is made again in ${duration(next)}, not before`,
    ms,
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
  const tone = toneOf(outcome);
  const handled = {
    tone: 'go',
    lights: ['kafka-service'],
    station: 'service',
    what: 'The service handles it',
    detail: '',
  };
  handled.detail =
    answer && accepted ? `back in Kafka ${duration(answer.ms - accepted.ms)} after` : 'in the order of its key';
  const steps = [handled];
  if (command === 'Settle' && outcome.status === 'success') steps.push(charged());
  if (command === 'SetEnd' && outcome.status === 'success') steps.push(delayed());
  steps.push(...home({ answer, outcome, tone, from: 'service-kafka', source: 'The result follows it' }));
  if (outcome.status === 'failed') steps.push(buried('the command, and what went wrong, stand in auction.dlq'));
  return [...steps, ...events.map(broadcast)];
}

function buried(detail) {
  return { tone: 'bad', lights: ['service-dead'], station: 'dead', what: 'Somebody may want to look at it', detail };
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

function delayed() {
  return {
    tone: 'go',
    lights: [],
    station: 'timer',
    what: 'A command waits for the end',
    detail: 'CloseLot is sent when its time has come, and not before',
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
  const over = {
    tone: 'late',
    lights: ['service-dead'],
    station: 'dead',
    what: begun ? 'The service is told to stop' : 'Whoever reads it now is too late',
    detail: begun
      ? 'its AbortSignal aborts at the deadline, and the command goes to auction.dlq'
      : 'past its deadline it is not handled: it goes to auction.dlq',
  };
  const way = home({ answer, outcome, tone: 'late', from: 'timer-kafka', source: 'The time-out wakes' });
  return [silent, ...way, over];
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

/** The client knows by itself how it ended, or the gateway said so: the log holds nothing of it, as far as anybody knows. */
function withoutOutcome({ requestId, outcome }) {
  const step = { tone: toneOf(outcome), lights: [], station: 'browser', detail: failureText(outcome), ms: outcome.ms };
  if (!requestId) return { ...step, what: 'It never left your browser' };
  if (outcome.status === 'unknown') return { ...step, what: 'No outcome came in time' };
  const what = `The gateway turns it away: ${outcome.code ?? outcome.status}`;
  return { ...step, what, lights: ['browser-gateway'], station: 'gateway' };
}

function tooLate({ late, outcome }) {
  const afterAll = outcome?.status === 'unknown';
  return {
    tone: 'late',
    lights: ['service-kafka'],
    station: 'kafka',
    what: afterAll ? `The outcome came after all: ${late.status}` : `An answer came too late: ${late.status}`,
    detail: afterAll
      ? 'the log had decided, only the news took long'
      : 'the log was decided already, so it changes nothing',
    ms: late.ms,
  };
}
