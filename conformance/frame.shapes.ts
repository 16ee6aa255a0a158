/** A frame as it came. Nothing of it is believed. */
export interface ReceivedFrame {
  event: string;
  // A peer that is written from the protocol alone reads frames without anybody's types.
  data: any;
  id?: string;
}

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText: Check = (value) => typeof value === 'string';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isPositive: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value > 0;
const isTime: Check = (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(value));
const isOffset: Check = (value) => isText(value) && /^(-1|0|[1-9]\d{0,18})$/.test(value as string);
const isUuid: Check = (value) => isText(value) && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value as string);
const isEventType: Check = (value) => isText(value) && /^[\w-]+\.[\w-]+$/.test(value as string);
const isAt: Check = (value) =>
  Array.isArray(value) && value.length === 3 && isText(value[0]) && isCount(value[1]) && isOffset(value[2]);
const isList =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isOneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const isAnything: Check = () => true;
const orNothing =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
/** An object with a member for each name; others are ignored, as PROTOCOL.md asks of both sides. */
const isA =
  (shape: Shape): Check =>
  (value) =>
    isObject(value) && Object.entries(shape).every(([name, check]) => check((value as Shape)[name]));
const isMapOf =
  (check: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value as object).every(check);

/** So many bytes, in the one spelling that base64url without padding has for them. */
const isBinary =
  (from: number, to = from): Check =>
  (value) => {
    if (typeof value !== 'string') return false;
    const bytes = Buffer.from(value, 'base64url');
    return bytes.toString('base64url') === value && bytes.length >= from && bytes.length <= to;
  };

const isPositions = isMapOf(isMapOf(isOffset));
const isSealed = isA({ enc: isBinary(65), iv: isBinary(12), ct: isBinary(16, Infinity) });
const answerOfSubscription = {
  channels: isList(isText),
  types: orNothing(isList(isEventType)),
  positions: isPositions,
};

/** Whether a request with the error may succeed later without anything being changed. */
const TEMPORARY: Readonly<Record<string, Check>> = {
  bad_frame: isOneOf(false),
  too_large: isOneOf(false),
  rate: isOneOf(true),
  forbidden: isOneOf(false),
  unsupported: isOneOf(false),
  conflict: isOneOf(false),
  unavailable: isOneOf(true),
  pending: isOneOf(true),
  unknown: isOneOf(false),
  internal: isBoolean,
};

const SHAPES: Readonly<Record<string, Shape>> = {
  welcome: {
    sessionId: isText,
    epoch: isText,
    positions: isPositions,
    heartbeat: isA({ interval: isPositive, timeout: isPositive }),
    limits: isA({ payload: isPositive, rate: isPositive }),
  },
  accepted: { requestId: isUuid, at: isAt, outcome: orNothing(isA({ at: isAt, sealed: isSealed })) },
  subscribed: answerOfSubscription,
  unsubscribed: answerOfSubscription,
  refreshed: { expires: orNothing(isTime) },
  incomplete: { topic: isText, reason: isOneOf('retention', 'limit') },
  recovered: {
    topic: isText,
    complete: isBoolean,
    reason: orNothing(isOneOf('retention', 'epoch', 'future', 'limit')),
    count: isCount,
  },
  progress: { at: isAt, requestId: isUuid, attempt: isPositive, attempts: isPositive, next: isCount },
  ping: { positions: isPositions },
  error: {
    requestId: orNothing(isUuid),
    code: isOneOf(...Object.keys(TEMPORARY)),
    message: (value) => isText(value) && value !== '',
    temporary: isBoolean,
    details: orNothing(isObject),
  },
};

const RESULT: Shape = { at: isAt, requestId: isUuid, sealed: isSealed };
const BROADCAST: Shape = {
  at: isAt,
  id: isText,
  type: isEventType,
  time: isTime,
  requestId: orNothing(isText),
  key: orNothing(isText),
  data: isAnything,
};

/** What is wrong with a message of a gateway, for a socket of this session; each begins with the rule that it breaks. */
export function wrongWith(frame: ReceivedFrame, sessionId: string): readonly string[] {
  if (!isObject(frame) || !isText(frame.event) || !isObject(frame.data))
    return [`[frame.1] it is not {event, data}: ${shown(frame)}`];
  const shape = SHAPES[frame.event] ?? channelShape(frame, sessionId);
  // A later version may have added it.
  if (!shape)
    return frame.event.startsWith('socket/') ? [`[result.1] [broadcast.1] a foreign channel: ${shown(frame)}`] : [];
  const wrong = Object.entries(shape).filter(([name, check]) => !check(frame.data[name]));
  const problems = wrong.map(([name]) => `[frame.1] "${frame.event}" has a wrong or no "${name}": ${shown(frame)}`);
  if (problems.length === 0 && frame.event === 'error' && !TEMPORARY[frame.data.code]!(frame.data.temporary))
    problems.push(`[error.1] "temporary" is not what its code says: ${shown(frame)}`);
  if (problems.length === 0 && frame.event === 'recovered' && frame.data.complete !== (frame.data.reason === undefined))
    problems.push(`[recovery.3] "complete" and "reason" contradict each other: ${shown(frame)}`);
  return problems;
}

/** Results and broadcasts have their channel as the event, and its topic in their place. */
function channelShape({ event, data }: ReceivedFrame, sessionId: string): Shape | undefined {
  const topic = Array.isArray(data.at) ? String(data.at[0]) : undefined;
  if (event === `socket/${topic}/broadcast`) return BROADCAST;
  return event === `socket/${topic}/${sessionId}` ? RESULT : undefined;
}

function shown(frame: unknown): string {
  const text = JSON.stringify(frame) ?? String(frame);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
