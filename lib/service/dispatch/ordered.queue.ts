/** A piece of work, and how it goes on where it is not done. It must not reject: nobody would know what to do. */
export type Job = () => Promise<Rest | void>;

/** A pause: its lane waits, and takes no place from the others meanwhile. */
export interface Rest {
  readonly over: Promise<void>;
  readonly job: Job;
}

interface Waiting {
  readonly lane: string;
  readonly job: Job;
}

/**
 * Runs jobs side by side, up to a limit, and those of one lane one after the other in the order that they came. A lane that
 * waits for its turn takes no place from the others.
 */
export class OrderedQueue {
  /** What waits behind the job of each lane that is ready or running. */
  private readonly lanes = new Map<string, Job[]>();
  private ready: Waiting[] = [];
  private running = 0;
  private stopped = false;
  private onIdle?: () => void;

  constructor(private readonly concurrency: number) {}

  add(lane: string, job: Job): void {
    if (this.stopped) return;
    const behind = this.lanes.get(lane);
    if (behind) {
      behind.push(job);
      return;
    }
    this.lanes.set(lane, []);
    this.ready.push({ lane, job });
    this.fill();
  }

  /** Drops what waits; resolves when what runs has ended. */
  stop(): Promise<void> {
    this.stopped = true;
    this.ready = [];
    this.lanes.clear();
    return new Promise((resolve) => {
      if (this.running === 0) resolve();
      else this.onIdle = resolve;
    });
  }

  private fill(): void {
    while (this.running < this.concurrency) {
      const next = this.ready.shift();
      if (!next) return;
      this.running++;
      void this.run(next);
    }
  }

  private async run({ lane, job }: Waiting): Promise<void> {
    let rest: Rest | void;
    try {
      // After the running code: whoever adds a batch has read all of it before the first job asks what is known.
      await Promise.resolve();
      rest = await job();
    } catch {
      rest = undefined;
    }
    this.ended(lane, rest);
  }

  private ended(lane: string, rest?: Rest | void): void {
    this.running--;
    if (rest) void rest.over.then(() => this.goOn(lane, rest.job));
    else this.advance(lane);
    this.fill();
    if (this.running === 0) this.onIdle?.();
  }

  private goOn(lane: string, job: Job): void {
    if (this.stopped) return;
    this.ready.push({ lane, job });
    this.fill();
  }

  /** To the end of the line: else a busy lane would keep its place and starve the others. */
  private advance(lane: string): void {
    const job = this.lanes.get(lane)?.shift();
    if (job) this.ready.push({ lane, job });
    else this.lanes.delete(lane);
  }
}
