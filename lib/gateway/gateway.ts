import { setTimeout as pause } from 'node:timers/promises';
import { abortable } from '../log/abortable.js';
import { mayBeInTheLog } from '../log/log.errors.js';
import type { MessageLog, Tail } from '../log/message.log.js';
import { ArmingInterceptor } from '../timeout/arming.interceptor.js';
import { MemoryTimeoutScheduler } from '../timeout/memory/memory.timeout.scheduler.js';
import { MemoryTimeoutOptions } from '../timeout/timeout.options.js';
import type { TimeoutScheduler } from '../timeout/timeout.scheduler.js';
import type { AccessGuards } from './access.guards.js';
import { AccessRules } from './access.rules.js';
import { Backstop } from './request/backstop.js';
import { BroadcastRules } from './routing/broadcast.rules.js';
import { Admission } from './socket/admission.js';
import { Authentication } from './socket/authentication.js';
import { Connections } from './socket/connections.js';
import { Delivery } from './routing/delivery.js';
import { GatewayMetrics } from './gateway.metrics.js';
import type { GatewayOptions } from './gateway.options.js';
import { GatewayProtocol } from './socket/gateway.protocol.js';
import { Heartbeat } from './socket/heartbeat.js';
import { type GatewayState, Hello } from './socket/hello.js';
import { RecordRing } from './routing/record.ring.js';
import { RecordRouter } from './routing/record.router.js';
import { RoutingLag } from './routing/routing.lag.js';
import { FairTurns } from './recovery/fair.turns.js';
import { MissedRecords } from './recovery/missed.records.js';
import { Recovery } from './recovery/recovery.js';
import { RecoveryPlanner } from './recovery/recovery.plan.js';
import { WarmReader } from './recovery/warm.reader.js';
import { RequestIntake } from './request/request.intake.js';
import { RequestLedger } from './request/request.ledger.js';
import { RequestRepeats } from './request/request.repeats.js';
import { ResultSealer } from './sealing/result.sealer.js';
import { SetupQueue } from './sealing/setup.queue.js';
import { Semaphore } from './recovery/semaphore.js';
import { SessionRegistry } from './socket/session.registry.js';
import { Subscriptions } from './socket/subscriptions.js';

/** How often the end of a drain is looked for, in milliseconds. */
const LOOK_EVERY = 10;

/**
 * One gateway: reads the whole log and serves the sockets that it has. It keeps nothing that another gateway, or itself after a
 * restart, could not read off the log again.
 */
export class Gateway {
  readonly connections: Connections;
  private readonly metrics: GatewayMetrics;
  private readonly router: RecordRouter;
  private readonly lag: RoutingLag;
  private readonly intake: RequestIntake;
  private readonly backstop: Backstop;
  private readonly setups: SetupQueue;
  private readonly window: number;
  private tail: Tail | undefined;
  private state: GatewayState | undefined;
  private draining = false;
  private readonly waiting = new Set<(state: GatewayState) => void>();

  constructor(
    service: string,
    private readonly options: GatewayOptions,
    private readonly log: MessageLog,
    private readonly scheduler: TimeoutScheduler,
    guards: AccessGuards,
  ) {
    const { limits, ttl } = options;
    this.window = ttl.maximum + ttl.grace;
    const metrics = (this.metrics = new GatewayMetrics(service));
    const rules = new BroadcastRules(options.broadcast);
    const access = new AccessRules(options, guards);
    const authentication = new Authentication(options);
    const sessions = new SessionRegistry();
    const ring = new RecordRing(limits.ring);
    const ledger = new RequestLedger(this.window, limits.ledger, () => scheduler.now());
    const sealer = new ResultSealer(limits.sealers, metrics.tally);
    const delivery = new Delivery(sealer, access);
    this.setups = new SetupQueue(sealer, limits.sealers);
    const timers = new MemoryTimeoutScheduler(
      Object.assign(new MemoryTimeoutOptions(), { maximum: limits.requests }),
      () => scheduler.now(),
    );
    this.backstop = new Backstop(timers, log, ttl.grace, limits, metrics);
    this.router = new RecordRouter(rules, ring, ledger, sessions, delivery, metrics);
    this.router.onDecided = this.backstop.release;
    this.lag = new RoutingLag(log, this.router, options.topics);
    const planner = new RecoveryPlanner(log, this.router, options);
    const turns = new FairTurns();
    const missed = new MissedRecords(this.router, ring, new WarmReader(log, rules, turns, limits), turns);
    const recovery = new Recovery(planner, missed, delivery, ledger, metrics);
    const repeats = new RequestRepeats(log, ring, rules, this.backstop, delivery, new Semaphore(limits.recoveries));
    const arming = new ArmingInterceptor(scheduler, (error) => !mayBeInTheLog(error));
    this.intake = new RequestIntake(
      log,
      scheduler,
      arming,
      this.backstop,
      ledger,
      repeats,
      access,
      options,
      metrics,
      this.setups,
    );
    const subscriptions = new Subscriptions(sessions, this.router, access, options);
    const heartbeat = new Heartbeat(this.router, options.heartbeat, metrics);
    const hello = new Hello(authentication, sessions, subscriptions, recovery, this.router, heartbeat, options);
    this.connections = new Connections(options, metrics, new Admission(options, authentication));
    this.connections.onFrame = new GatewayProtocol(hello, this.intake, subscriptions, heartbeat, (signal) =>
      this.whenReady(signal),
    ).handle;
  }

  /** Why no new clients should come here now; undefined while they may. */
  get trouble(): string | undefined {
    if (this.draining) return 'the gateway is shutting down';
    return this.state ? undefined : 'the gateway has not read the log back yet';
  }

  /** Reads the log back as far as requests may still be undecided, and from there on follows it. Resolves when it has caught up. */
  async start(): Promise<void> {
    const { topics } = this.options;
    const since = this.scheduler.now() - this.window;
    this.metrics.start({ queues: () => this.connections.queues(), lags: () => this.lag.byTopic() });
    await this.backstop.start(this.log.clusterId);
    for (const topic of topics) {
      for (const [partition, offset] of await this.log.offsetsAt(topic, since))
        this.router.open(topic, partition, offset);
    }
    this.tail = await this.log.tail({ topics, since, onBatch: this.router.route, onLost: this.router.lose });
    if (this.draining) await this.tail.stop();
    await this.tail.caughtUp; // rejects where it is stopped before
    this.state = { epoch: `${this.log.clusterId}.${this.options.epoch}` };
    for (const resolve of this.waiting) resolve(this.state);
    this.waiting.clear();
  }

  /** Takes no more sockets; those that are open go on until {@link stop}. */
  drain(): void {
    this.draining = true;
    this.connections.drain();
    // A start that is under way would read on, for ever where the log is away.
    if (!this.state) void this.tail?.stop();
  }

  /**
   * Delivers what is in the log now, says goodbye to one client after the other, each of whom is served until then, and stops.
   * Bounded, and safe to call twice.
   */
  async stop(): Promise<void> {
    this.drain();
    const bound = AbortSignal.timeout(this.options.drainTimeout);
    await abortable([bound], () => this.finishWork(bound)).catch(() => undefined); // recovery repairs what is missing
    await this.connections.close();
    // What came in meanwhile: nobody here is told of it any more, but it is to be written before the log is closed.
    await abortable([bound], () => this.intake.settled()).catch(() => undefined);
    await this.tail?.stop();
    this.setups.stop();
    this.metrics.stop();
    await this.backstop.stop();
  }

  private async finishWork(bound: AbortSignal): Promise<void> {
    if (!this.state) return;
    await this.intake.settled();
    for (const topic of this.options.topics) {
      for (const { partition, end } of await this.log.offsets(topic)) {
        while ((this.router.next(topic, partition) ?? end) < end) await pause(LOOK_EVERY, undefined, { signal: bound });
      }
    }
  }

  private whenReady(signal: AbortSignal): Promise<GatewayState> {
    if (this.state) return Promise.resolve(this.state);
    return new Promise((resolve, reject) => {
      this.waiting.add(resolve);
      const leave = (): void => {
        this.waiting.delete(resolve);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
