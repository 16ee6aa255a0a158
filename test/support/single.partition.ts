import type { Assignment, GroupMember, MessageLog } from '../../lib/log/message.log.js';

/** A group whose only partition comes to its only member, and leaves it, when the test says so. */
export class SinglePartition {
  committed = 0n;
  note?: string;
  paused = false;
  private member?: GroupMember;
  private owning = new AbortController();

  /** Takes the place of the log's own groups. */
  constructor(
    private readonly log: MessageLog,
    private readonly topic: string,
  ) {
    log.consume = async (_group, _topics, member) => {
      this.member = member;
      return { stop: async () => this.lose() };
    };
  }

  /** Gives the partition to the service, and hands over all that was not committed. */
  async give(): Promise<void> {
    this.owning = new AbortController();
    const assignment: Assignment = {
      topic: this.topic,
      partition: 0,
      position: this.committed,
      signal: this.owning.signal,
      note: this.note,
      commit: (next, note) => {
        this.committed = next;
        this.note = note;
      },
      flush: () => Promise.resolve(),
      pause: () => void (this.paused = true),
      resume: () => void (this.paused = false),
    };
    await this.member!.assigned(assignment);
    const [held] = await this.log.offsets(this.topic);
    const range = { topic: this.topic, partition: 0, from: this.committed, to: held!.end };
    for await (const batch of this.log.read(range)) this.member!.batch(assignment, batch);
  }

  lose(): void {
    this.owning.abort();
  }
}
