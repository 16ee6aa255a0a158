import type { KeptFigure, KeptRuns } from './results.store.js';

/** What one of each costs. Microseconds of one core, where nothing else is said. */
export interface UnitCosts {
  /** A connection at rest, each second. */
  readonly rest: number;
  /** KiB of memory that a connection takes. */
  readonly memory: number;
  /** An event to one client. */
  readonly delivery: number;
  /** A record that a gateway reads and passes by. */
  readonly read: number;
  /** A command, at gateway and handler together, and the handler's part of it. */
  readonly command: number;
  readonly handling: number;
  /** A time-out, armed and taken back: of Redis' one thread at most, since both sides of it are measured. */
  readonly timeout: number;
  /** Commands a second through one partition. */
  readonly partition: number;
}

/** What is to be carried. */
export interface Demand {
  readonly users: number;
  /** Commands a second of each user. */
  readonly commands: number;
  /** Events a second, each of which goes to every user. */
  readonly events: number;
}

/** What it takes. */
export interface Fleet {
  readonly commands: number;
  readonly deliveries: number;
  readonly records: number;
  /** Microseconds a second: what gateways share among them, and what each of them reads. */
  readonly shared: number;
  readonly reading: number;
  /** Infinity where one gateway could not even read the topic. */
  readonly gateways: number;
  readonly services: number;
  readonly partitions: number;
  /** Share of one Redis. */
  readonly redis: number;
}

/** How much of a core is planned with, in microseconds a second: the other half is for peaks, and for a neighbour that has gone. */
export const BUDGET = 500_000;
/** KiB of memory for the connections of one gateway. */
export const MEMORY = 1_048_576;
/** As many as a topic has that the package makes. */
const USUAL_PARTITIONS = 6;

/** The costs as they were measured; undefined where a bench is missing. */
export function unitCosts(runs: KeptRuns): UnitCosts | undefined {
  const look = (bench: string, metric: string, unit: string) => runs[bench]?.figures.find(matches(metric, unit))?.ours;
  const perSecond = (bench: string, metric: string, unit: string) => 1e6 / (look(bench, metric, unit) ?? NaN);
  const costs: UnitCosts = {
    rest: look('idle', 'processor time a connection at rest', 'µs/s') ?? NaN,
    memory: look('idle', 'resident memory a connection', 'KiB') ?? NaN,
    delivery: perSecond('broadcast', 'single event', 'deliveries/s of one core'),
    read: perSecond('discard', 'records passed by', 'records/s of one core'),
    command: perSecond('round-trip', 'in flight together, time to live in Redis', 'round trips/s of one core'),
    handling: perSecond('service', 'handlers of 0 ms', 'messages/s of one core'),
    timeout: perSecond('timeout', 'arm', 'time-outs/s') + perSecond('timeout', 'disarm', 'time-outs/s'),
    partition: look('growth', '100 in flight, partitions: 1', 'round trips/s') ?? NaN,
  };
  return Object.values(costs).some(Number.isNaN) ? undefined : costs;
}

/** The sums of `docs/scale.md`. */
export function fleetFor(demand: Demand, costs: UnitCosts): Fleet {
  const { users, events } = demand;
  const commands = users * demand.commands;
  const deliveries = events * users;
  const records = 2 * commands + events;
  const atGateway = Math.max(0, costs.command - costs.handling);
  const shared = users * costs.rest + deliveries * costs.delivery + commands * atGateway;
  const reading = records * costs.read;
  const byProcessor = reading < BUDGET ? Math.ceil(shared / (BUDGET - reading)) : Infinity;
  const byMemory = Math.ceil((users * costs.memory) / MEMORY);
  const services = Math.max(1, Math.ceil((commands * costs.handling) / BUDGET)) + 1;
  const byRate = Math.ceil((2 * commands) / costs.partition);
  return {
    commands,
    deliveries,
    records,
    shared,
    reading,
    gateways: Math.max(byProcessor, byMemory) + 1,
    services,
    partitions: Math.max(USUAL_PARTITIONS, 2 * services, byRate),
    redis: (commands * costs.timeout) / 1e6,
  };
}

function matches(metric: string, unit: string) {
  return (figure: KeptFigure): boolean => figure.metric === metric && figure.unit === unit;
}
