/**
 * The outcome rule as a model small enough to be tried out whole: one request, the processes that work on it, and every order in
 * which their steps and their faults can come. It has no clock: a time-out may fire, and a service may find the command too late, at any
 * moment, so nothing that holds here hangs on how well clocks agree or how long anything takes.
 */

/** What the design promises to do. Each can be switched off, to see what it is there for. */
export interface Rules {
  /** A service publishes the result first and removes the time-out after. */
  readonly publishBeforeDisarm: boolean;
  /** Of the terminal records of a request only the first counts. */
  readonly firstTerminalWins: boolean;
  /** A gateway writes the time-out itself where nobody else did. */
  readonly backstop: boolean;
  /** A gateway to which a request is sent again guards it like one that it took itself. */
  readonly takeover: boolean;
  /** A client is told that its request was not sent only where it certainly was not. */
  readonly unavailableOnlyIfNeverSent: boolean;
  /** A client that sends again is never told so: what another gateway sent before may be in the log. */
  readonly unavailableOnlyAtFirst: boolean;
  /** A client is told that its request was not sent only once its time-out is taken back for certain. */
  readonly unavailableOnlyIfTakenBack: boolean;
}

export const DESIGN: Rules = {
  publishBeforeDisarm: true,
  firstTerminalWins: true,
  backstop: true,
  takeover: true,
  unavailableOnlyIfNeverSent: true,
  unavailableOnlyAtFirst: true,
  unavailableOnlyIfTakenBack: true,
};

type Entry = 'command' | 'result' | 'timeout';

/** All that is known of one request, everywhere. */
export interface State {
  /** Its records, in the order of the log. */
  readonly log: readonly Entry[];
  /** Its job in Redis. `taken`: a worker has it in hand; after one that died it is tried again. */
  readonly job: 'none' | 'armed' | 'taken' | 'to be tried again';
  /** Whether Redis lost what it held, or was away when it was asked. */
  readonly redisFailed: boolean;
  /** `refused`: certainly not armed. */
  readonly arming: 'to do' | 'done' | 'refused';
  /** The command on its way; `in doubt`: no acknowledgement came, and it may be in the log or not. */
  readonly sending: 'to do' | 'in doubt' | 'never sent' | 'told';
  /** The gateway that has the client's socket; a crash brings another one. */
  readonly gateway: { readonly alive: boolean; readonly guards: boolean; readonly read: number };
  readonly service: {
    readonly alive: boolean;
    /** Records that are done with; a restart begins behind them. */
    readonly committed: number;
    readonly doing: 'reading' | 'handling' | 'publishing' | 'disarming' | 'committing';
  };
  readonly client: {
    readonly alive: boolean;
    readonly connected: boolean;
    readonly sentAgain: boolean;
    /** Records that it was brought, or that were passed by for it. */
    readonly position: number;
    /** What it was told of how its request ended. */
    readonly told: readonly string[];
  };
  readonly faultsLeft: number;
}

export interface Step {
  readonly name: string;
  readonly next: State;
  /** A fault may come, a step that is none comes some time. */
  readonly fault?: boolean;
}

export function start(faultsLeft: number): State {
  return {
    log: [],
    job: 'none',
    redisFailed: false,
    arming: 'to do',
    sending: 'to do',
    gateway: { alive: true, guards: true, read: 0 },
    service: { alive: true, committed: 0, doing: 'reading' },
    client: { alive: true, connected: true, sentAgain: false, position: 0, told: [] },
    faultsLeft,
  };
}

/** Everything that can happen next. */
export function steps(state: State, rules: Rules): Step[] {
  const own = [
    ...gatewaySteps(state, rules),
    ...workerSteps(state),
    ...serviceSteps(state, rules),
    ...clientSteps(state, rules),
  ];
  return state.faultsLeft > 0 ? [...own, ...faults(state)] : own;
}

/** What is wrong with a state; undefined where nothing is. */
export function violation(state: State, ended: boolean): string | undefined {
  const { log, client, service, gateway } = state;
  const first = log.find(isTerminal);
  if (client.told.length > 1) return `two outcomes: ${client.told.join(', ')}`;
  if (client.told[0] === 'unavailable' && log.includes('command')) return 'told that it was not sent, and it was';
  if (client.told[0] === 'unavailable' && first) return 'told that it was not sent, and it has an outcome';
  if (client.told[0] && client.told[0] !== 'unavailable' && client.told[0] !== first)
    return 'told another outcome than the log’s first';
  if (!ended) return undefined;
  if (client.alive && client.told.length === 0) return 'no outcome for the client';
  // Other readers than the client go by the log: it must hold an outcome wherever one guard was left.
  const jobKept = state.arming === 'done' && !state.redisFailed;
  const guarded = jobKept || service.alive || (gateway.alive && gateway.guards);
  return log.includes('command') && !first && guarded ? 'no outcome in the log' : undefined;
}

function gatewaySteps(state: State, rules: Rules): Step[] {
  const { gateway, log, sending, arming } = state;
  if (!gateway.alive) return [];
  const found = deliveries(state, rules);
  if (sending !== 'told' && arming === 'to do') {
    found.push({ name: 'the gateway arms the time-out', next: { ...state, arming: 'done', job: 'armed' } });
  }
  if (sending === 'to do') {
    found.push({
      name: 'the log takes the command',
      next: { ...state, sending: 'told', log: [...log, 'command'] },
    });
  }
  if (sending === 'in doubt') found.push(inDoubt(state, rules));
  if (sending === 'never sent') found.push(neverSent(state, rules));
  const settled = log.slice(0, gateway.read).some(isTerminal);
  if (rules.backstop && gateway.guards && !settled && sending === 'told') {
    const next = { ...state, gateway: { ...gateway, guards: false }, log: [...log, 'timeout' as const] };
    found.push({ name: 'the backstop writes the time-out', next });
  }
  return found;
}

/** In order, and what is read is delivered in the same turn. A client that was away gets what it missed first. */
function deliveries(state: State, rules: Rules): Step[] {
  const { gateway, client, log } = state;
  const here = client.alive && client.connected;
  const further = { ...state, gateway: { ...gateway, read: gateway.read + 1 } };
  if (here && client.position < gateway.read) return [deliver('the client catches up on the', state, rules)];
  if (gateway.read === log.length) return [];
  return [
    here && client.position === gateway.read
      ? deliver('the gateway delivers the', further, rules)
      : { name: 'the gateway reads on', next: further },
  ];
}

function deliver(name: string, state: State, { firstTerminalWins }: Rules): Step {
  const { client, log } = state;
  const entry = log[client.position]!;
  const passed = { ...client, position: client.position + 1 };
  const counts = isTerminal(entry) && (!firstTerminalWins || !log.slice(0, client.position).some(isTerminal));
  return { name: `${name} ${entry}`, next: { ...state, client: counts ? tell(passed, entry) : passed } };
}

/** No acknowledgement came. */
function inDoubt(state: State, rules: Rules): Step {
  if (rules.unavailableOnlyIfNeverSent) return { name: 'pending', next: { ...state, sending: 'told' } };
  return giveUp(state);
}

/** The command was never sent. Where its time-out fired already, or Redis cannot tell, the log decides after all. */
function neverSent(state: State, rules: Rules): Step {
  const takenBack = state.job === 'armed' || state.arming !== 'done';
  const first = !state.client.sentAgain || !rules.unavailableOnlyAtFirst;
  return first && (takenBack || !rules.unavailableOnlyIfTakenBack)
    ? giveUp(state)
    : { name: 'pending', next: { ...state, sending: 'told' } };
}

function giveUp(state: State): Step {
  const { client, gateway, job } = state;
  const told = client.alive && client.connected ? tell(client, 'unavailable') : client;
  const next = { ...state, job: removed(job), client: told, gateway: { ...gateway, guards: false } };
  return { name: 'unavailable', next: { ...next, sending: 'told', arming: 'refused' } };
}

/** A worker that has it in hand is not stopped. */
function removed(job: State['job']): State['job'] {
  return job === 'taken' ? 'taken' : 'none';
}

function workerSteps(state: State): Step[] {
  if (state.job === 'armed' || state.job === 'to be tried again')
    return [{ name: 'the job fires', next: { ...state, job: 'taken' } }];
  if (state.job !== 'taken') return [];
  return [{ name: 'the job writes the time-out', next: { ...state, job: 'none', log: [...state.log, 'timeout'] } }];
}

function serviceSteps(state: State, rules: Rules): Step[] {
  const { service, log } = state;
  if (!service.alive) return [];
  const go = (name: string, doing: State['service']['doing'], more: Partial<State> = {}): Step => ({
    name,
    next: { ...state, ...more, service: { ...service, doing } },
  });
  const [second, third] = rules.publishBeforeDisarm
    ? (['disarming', 'committing'] as const)
    : (['committing', 'publishing'] as const);
  switch (service.doing) {
    case 'reading':
      return read(state, go);
    case 'handling':
      return [go('the handler returns', rules.publishBeforeDisarm ? 'publishing' : 'disarming')];
    case 'publishing':
      return [go('the service publishes the result', second, { log: [...log, 'result'] })];
    case 'disarming':
      return [go('the service removes the job', third, { job: removed(state.job) })];
    case 'committing':
    default:
      return [
        {
          name: 'the service commits',
          next: { ...state, service: { ...service, doing: 'reading', committed: service.committed + 1 } },
        },
      ];
  }
}

function read(
  state: State,
  go: (name: string, doing: State['service']['doing'], more?: Partial<State>) => Step,
): Step[] {
  const { service, log } = state;
  const entry = log[service.committed];
  if (entry === undefined) return [];
  const earlier = log.slice(0, service.committed).includes('command');
  if (entry !== 'command' || earlier) {
    return [
      {
        name: 'the service passes a record by',
        next: { ...state, service: { ...service, committed: service.committed + 1 } },
      },
    ];
  }
  return [
    go('the service begins to handle the command', 'handling'),
    go('the service finds the command too late', 'committing', { log: [...log, 'timeout'] }),
  ];
}

function clientSteps(state: State, rules: Rules): Step[] {
  const { client, gateway, log } = state;
  if (!client.alive || client.connected || !gateway.alive) return [];
  const back = { ...client, connected: true };
  if (client.told.length > 0) return [{ name: 'the client comes back', next: { ...state, client: back } }];
  // It sends again what has no outcome, after it was brought up to date as far as this gateway has read.
  const known = gateway.guards || log.slice(0, gateway.read).includes('command');
  const guards = gateway.guards || rules.takeover || !known;
  const again = known ? {} : { sending: 'to do' as const, arming: 'to do' as const };
  return [
    {
      name: 'the client comes back and sends again',
      next: { ...state, ...again, client: { ...back, sentAgain: true }, gateway: { ...gateway, guards } },
    },
  ];
}

function faults(state: State): Step[] {
  const { gateway, service, client, log, sending, arming, job } = state;
  const left = { ...state, faultsLeft: state.faultsLeft - 1 };
  const found: Step[] = [];
  const fault = (name: string, change: Partial<State>): void => {
    found.push({ name, next: { ...left, ...change }, fault: true });
  };
  if (gateway.alive) {
    const cut = { ...client, connected: false };
    // What was on its way from it is decided: it went out or it did not.
    const ended = { sending: 'told' as const, arming: arming === 'to do' ? ('refused' as const) : arming };
    fault('the gateway dies, another one serves', {
      ...ended,
      client: cut,
      gateway: { alive: true, guards: false, read: 0 },
    });
    fault('the gateway dies, and none is left', {
      ...ended,
      client: { ...cut, alive: false },
      gateway: { alive: false, guards: false, read: 0 },
    });
    if (client.connected) fault('the client’s network breaks', { client: cut });
  }
  if (client.alive) fault('the client goes away for good', { client: { ...client, alive: false } });
  if (arming === 'to do' && sending !== 'told')
    fault('Redis does not take the job', { arming: 'refused', redisFailed: true });
  if (job !== 'none') fault('Redis is emptied', { job: 'none', redisFailed: true });
  if (job === 'taken') fault('the worker dies before it wrote', { job: 'to be tried again' });
  if (job === 'taken') fault('the worker dies after it wrote', { job: 'to be tried again', log: [...log, 'timeout'] });
  if (sending === 'to do') {
    fault('the log cannot be reached', { sending: 'never sent' });
    fault('the command is lost on its way', { sending: 'in doubt' });
    fault('the acknowledgement is lost', { sending: 'in doubt', log: [...log, 'command'] });
  }
  if (service.alive) {
    fault('the service dies and comes back', { service: restarted(state) });
    fault('the service dies', { service: { ...service, alive: false } });
  }
  return found;
}

/** It reads the log to its end before it handles anything, and passes by what has its outcome there. */
function restarted({ service, log }: State): State['service'] {
  const answered = log.some(isTerminal);
  return { alive: true, doing: 'reading', committed: answered ? log.length : service.committed };
}

function tell(client: State['client'], outcome: string): State['client'] {
  return { ...client, told: [...client.told, outcome] };
}

function isTerminal(entry: Entry): boolean {
  return entry !== 'command';
}
