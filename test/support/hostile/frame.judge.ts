import { ERROR_CODES } from '../../../lib/protocol/error-codes.js';
import type { Endings } from './endings.js';
import { type HostileFrame, nameOf } from './frame.mutations.js';

/** An answer as it came. */
interface Answer {
  readonly event: string;
  readonly id?: string;
  readonly data: { readonly code?: string; readonly requestId?: string };
}

/** Events that answer nothing. */
const NEWS = /^(ping|progress|recovered|incomplete|socket\/)/;

/** What stands beside the channels that were refused, by what asked for them. */
const SPLIT = new Map<unknown, readonly string[]>([
  ['subscribe', ['', 'subscribed']],
  ['hello', ['welcome']],
]);

/**
 * Tells for each frame of one socket how it ended. Behind each goes a frame whose answer is known, its mark: what comes before the answer
 * to that is about the frame, but for what becomes of a request, which is told when it is known.
 */
export class FrameJudge {
  private answers: Answer[] = [];
  /** Requests that are not answered yet, by what their answers name. */
  private readonly open = new Map<string, number>();
  private expected: HostileFrame[] = [];
  private next = 0;
  readonly faults: string[] = [];

  constructor(
    private readonly endings: Endings,
    private readonly mark: string,
  ) {}

  /** What is sent next, one after the other. */
  expect(frames: readonly HostileFrame[]): void {
    this.expected = [...frames];
    this.next = 0;
  }

  /** Frames whose mark was answered. */
  get done(): number {
    return this.next;
  }

  get unanswered(): number {
    return [...this.open.values()].reduce((sum, count) => sum + count, 0);
  }

  take(answer: Answer): void {
    if (NEWS.test(answer.event)) return;
    if (answer.id === this.mark) return this.judge();
    const frame = this.expected[this.next];
    const name = nameOf(answer.id, answer.data.requestId);
    const isLate = this.open.has(name) && (frame?.name !== name || this.answers.length > 0);
    if (isLate) this.late(name, answer);
    else this.answers.push(answer);
  }

  /** The socket is closed, by a frame that was sent, or when all were done with. */
  closed(code: number | undefined): void {
    for (const [, count] of this.open) for (let i = 0; i < count; i++) this.endings.note('closed meanwhile');
    this.open.clear();
    this.answers = [];
    if (this.next < this.expected.length) this.endings.note(`closed ${code ?? 'without a word'}`);
    this.expected = [];
    this.next = 0;
  }

  private late(name: string, answer: Answer): void {
    const left = this.open.get(name)! - 1;
    if (left === 0) this.open.delete(name);
    else this.open.set(name, left);
    this.endings.note(this.endingOf(answer));
  }

  private judge(): void {
    const frame = this.expected[this.next++]!;
    const { answers } = this;
    this.answers = [];
    if (answers.length === 1) return this.endings.note(this.endingOf(answers[0]!));
    if (answers.length === 0) return this.judgeSilence(frame);
    // Each channel that is refused is told by itself.
    const whole = answers.filter(({ data }) => data.code !== 'forbidden').map(({ event }) => event);
    const isSplit = SPLIT.get(frame.event)?.includes(whole.join()) ?? false;
    if (!isSplit)
      this.faults.push(`${answers.length} answers to ${show(frame)}: ${JSON.stringify(answers).slice(0, 600)}`);
    this.endings.note('refused in part');
  }

  private judgeSilence(frame: HostileFrame): void {
    if (frame.event === 'request') this.open.set(frame.name, (this.open.get(frame.name) ?? 0) + 1);
    else if (frame.event === 'pong') this.endings.note('taken');
    else {
      this.faults.push(`No answer to ${show(frame)}`);
      this.endings.note('vanished');
    }
  }

  private endingOf({ event, data }: Answer): string {
    if (event !== 'error') return `answered ${event}`;
    const isKnown = ERROR_CODES.some((code) => code === data.code);
    if (!isKnown || data.code === 'internal') this.faults.push(`The error ${JSON.stringify(data)}`);
    return `refused ${data.code}`;
  }
}

function show({ bytes }: HostileFrame): string {
  return bytes.toString().slice(0, 400);
}
