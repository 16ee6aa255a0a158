import type { Attributes, BatchObservableCallback, Meter, Observable, ObservableCallback } from '@opentelemetry/api';

/** Counts of what happens for every record, as plain numbers: to be told of each would cost an SDK a microsecond. */
export class Tally {
  /** Results sent to clients. */
  result = 0;
  /** Events sent to clients: one that goes to a hundred counts as a hundred. */
  event = 0;
  /** Records that were passed by. */
  discards = 0;
  /** Results that were sealed. */
  seals = 0;
  /** Client keys that sealing was set up for. */
  setups = 0;
}

/** What has a size at any time, and is looked at when somebody reads the metrics. */
export interface Observed {
  /** Bytes that wait for each client. */
  queues(): Iterable<number>;
  /** By topic, how many records the log holds that were not routed yet. */
  lags(): Promise<ReadonlyMap<string, number>>;
}

/** Measures what is looked at, and not told. */
export class GatewayGauges {
  private readonly deliveries: Observable;
  private readonly discards: Observable;
  private readonly seals: Observable;
  private readonly setups: Observable;
  private readonly queued: Observable;
  private readonly longestQueue: Observable;
  private readonly lag: Observable;
  private release: (() => void) | undefined;

  constructor(
    private readonly meter: Meter,
    private readonly attributes: Attributes,
    private readonly tally: Readonly<Tally>,
  ) {
    this.deliveries = meter.createObservableCounter('kafka_socket.deliveries', {
      description: 'Results and events sent to clients as they were routed, by kind.',
      unit: '{message}',
    });
    this.discards = meter.createObservableCounter('kafka_socket.discards', {
      description: 'Records passed by on their headers alone: commands, and what stays inside.',
      unit: '{record}',
    });
    this.seals = meter.createObservableCounter('kafka_socket.seals', {
      description: 'Results that were sealed.',
      unit: '{result}',
    });
    this.setups = meter.createObservableCounter('kafka_socket.sealing.setups', {
      description: 'Client keys that sealing was set up for, the costly half of it.',
      unit: '{key}',
    });
    this.queued = meter.createObservableUpDownCounter('kafka_socket.queue.size', {
      description: 'Bytes that wait for clients to read.',
      unit: 'By',
    });
    this.longestQueue = meter.createObservableGauge('kafka_socket.queue.longest', {
      description: 'Bytes that wait for the one client for which most wait.',
      unit: 'By',
    });
    this.lag = meter.createObservableGauge('kafka_socket.lag', {
      description: 'Records that the log holds and that were not routed yet, by topic.',
      unit: '{record}',
    });
  }

  start(observed: Observed): void {
    if (this.release) return;
    const { meter, lag } = this;
    const numbers = [this.deliveries, this.discards, this.seals, this.setups, this.queued, this.longestQueue];
    const look: BatchObservableCallback = (result) => {
      this.lookAtTally((one, value, attributes) => result.observe(one, value, { ...this.attributes, ...attributes }));
      this.lookAtQueues(observed, (one, value) => result.observe(one, value, this.attributes));
    };
    const lookAtLag: ObservableCallback = async (result) => {
      for (const [topic, records] of await observed.lags()) result.observe(records, { ...this.attributes, topic });
    };
    meter.addBatchObservableCallback(look, numbers);
    lag.addCallback(lookAtLag);
    this.release = () => {
      meter.removeBatchObservableCallback(look, numbers);
      lag.removeCallback(lookAtLag);
    };
  }

  stop(): void {
    this.release?.();
    this.release = undefined;
  }

  private lookAtTally(tell: (what: Observable, value: number, attributes?: Attributes) => void): void {
    const { result, event, discards, seals, setups } = this.tally;
    tell(this.deliveries, result, { kind: 'result' });
    tell(this.deliveries, event, { kind: 'event' });
    tell(this.discards, discards);
    tell(this.seals, seals);
    tell(this.setups, setups);
  }

  private lookAtQueues(observed: Observed, tell: (what: Observable, value: number) => void): void {
    let sum = 0;
    let longest = 0;
    for (const bytes of observed.queues()) {
      sum += bytes;
      longest = Math.max(longest, bytes);
    }
    tell(this.queued, sum);
    tell(this.longestQueue, longest);
  }
}
