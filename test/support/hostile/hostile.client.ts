import { isUtf8 } from 'node:buffer';
import { OPCODE, RawSocket, wireFrame } from '../raw.socket.js';
import type { Endings } from './endings.js';
import { FrameJudge } from './frame.judge.js';
import type { HostileFrame } from './frame.mutations.js';

/** How long a frame may stay without an end, in milliseconds. */
const PATIENCE = 20_000;
/** The close code of WebSocket for it. */
const NO_TEXT = 1007;
const MARK = 'mark-6f1d';
const MARKING = wireFrame(OPCODE.text, `{"event":"unsubscribe","id":"${MARK}","data":{"channels":[]}}`);

/** What none of them may ever be sent. */
export type Forbidden = (text: string) => boolean;

/** One hostile client: sends frames in handfuls, and has each of them judged. */
export class HostileClient {
  readonly judge: FrameJudge;
  private read = 0;

  private constructor(
    private readonly raw: RawSocket,
    endings: Endings,
    private readonly isForbidden: Forbidden,
  ) {
    this.judge = new FrameJudge(endings, MARK);
  }

  static async open(url: string, endings: Endings, isForbidden: Forbidden): Promise<HostileClient> {
    return new HostileClient(await RawSocket.open(url), endings, isForbidden);
  }

  get isClosed(): boolean {
    return this.raw.socket.destroyed;
  }

  /** Says hello as it should be. */
  async welcome(hello: object): Promise<void> {
    this.raw.send('hello', hello);
    await this.raw.next('welcome');
    this.read = this.raw.frames.length;
  }

  /** @returns frames that were not looked at, because one of them ended the socket */
  async send(frames: readonly HostileFrame[]): Promise<readonly HostileFrame[]> {
    this.judge.expect(frames);
    this.raw.socket.write(Buffer.concat(frames.flatMap(({ bytes }) => [wireFrame(OPCODE.text, bytes), MARKING])));
    if (await this.until(() => this.judge.done === frames.length)) return [];
    const code = await this.raw.closed;
    const left = frames.slice(this.judge.done);
    // What is no text ends the connection as soon as it is read, while frames before it wait for their turn.
    const cause = code === NO_TEXT ? left.findIndex(({ bytes }) => !isUtf8(bytes)) : 0;
    if (cause < 0) this.judge.faults.push('A socket was closed with 1007 that had sent nothing but UTF-8.');
    this.judge.closed(code);
    return left.filter((_, index) => index !== cause);
  }

  /** Waits for what becomes of its requests, and leaves without a goodbye. */
  async leave(): Promise<void> {
    if (!(await this.until(() => this.judge.unanswered === 0))) this.judge.closed(undefined);
    this.raw.socket.destroy();
    await this.raw.closed;
    this.raw.frames.length = 0;
  }

  /** @returns false where the socket is closed before that */
  private async until(isSo: () => boolean): Promise<boolean> {
    const late = setTimeout(() => {
      this.judge.faults.push(`No end within ${PATIENCE} ms: ${this.judge.done} done, ${this.judge.unanswered} open`);
      this.raw.socket.destroy();
    }, PATIENCE);
    try {
      await this.raw.until(() => this.look() || isSo());
      return isSo();
    } catch {
      this.look();
      return isSo();
    } finally {
      clearTimeout(late);
    }
  }

  /** Takes what came; says false, for {@link until}. */
  private look(): false {
    const { frames } = this.raw;
    for (; this.read < frames.length; this.read++) {
      const { opcode, payload } = frames[this.read]!;
      if (opcode === OPCODE.close) this.raw.socket.destroy(); // the gateway waits for an answer, and gets none
      if (opcode !== OPCODE.text) continue;
      const text = payload.toString();
      if (this.isForbidden(text)) this.judge.faults.push(`Not for this client: ${text.slice(0, 400)}`);
      this.judge.take(JSON.parse(text) as Parameters<FrameJudge['take']>[0]);
    }
    // All but a goodbye, which the socket looks for itself.
    if (frames.at(-1)?.opcode === OPCODE.text && frames.length > 500) this.read = frames.length = 0;
    return false;
  }
}
