import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { ClientFrames } from '../../protocol/frames.js';
import type { Connection } from './connection.js';
import { read, type ReceivedFrame } from './frame.reader.js';
import { BadFrameError, InternalError, UnsupportedError } from '../gateway.errors.js';
import type { Heartbeat } from './heartbeat.js';
import type { GatewayState, Hello } from './hello.js';
import type { RequestIntake } from '../request/request.intake.js';
import type { Session } from './session.js';
import type { Subscriptions } from './subscriptions.js';

type Handle = (connection: Connection, session: Session, frame: ReceivedFrame) => Promise<void> | void;

/** Version 1 of the protocol: from each event that a client may send to what it sets going. */
export class GatewayProtocol {
  private readonly logger = new Logger(GatewayProtocol.name);
  private readonly handlers: Readonly<Record<Exclude<keyof ClientFrames, 'hello'>, Handle>> = {
    request: (_, session, { data, id }) => this.intake.take(session, read.request(data), id),
    subscribe: (connection, session, frame) =>
      this.subscriptions.subscribe(
        session,
        read.subscription(frame.data),
        (error) => connection.refuse(error, frame),
        frame.id,
      ),
    unsubscribe: (_, session, { data, id }) => this.subscriptions.unsubscribe(session, read.subscription(data), id),
    refresh: (connection, session, frame) => this.refresh(connection, session, frame),
    cancel: () => {
      throw new UnsupportedError('Version 1 of the protocol cannot cancel a request. It ends by its time to live.');
    },
    pong: (connection) => this.heartbeat.answered(connection),
  };

  constructor(
    private readonly hello: Hello,
    private readonly intake: RequestIntake,
    private readonly subscriptions: Subscriptions,
    private readonly heartbeat: Heartbeat,
    /** Resolves once the log is read back, rejects when that takes too long. */
    private readonly ready: (signal: AbortSignal) => Promise<GatewayState>,
  ) {}

  /** Handles a frame; what it throws is told to the client. */
  readonly handle = (connection: Connection, frame: ReceivedFrame): Promise<void> | void => {
    if (frame.event === 'hello') return this.greet(connection, frame);
    const { session } = connection;
    if (!session) throw new BadFrameError('The first frame is "hello"; nothing else is taken before it.');
    if (!Object.hasOwn(this.handlers, frame.event)) {
      throw new BadFrameError('The event of the frame is none that the protocol knows.');
    }
    return this.handlers[frame.event as keyof typeof this.handlers](connection, session, frame);
  };

  private async greet(connection: Connection, frame: ReceivedFrame): Promise<void> {
    if (connection.greeted) throw new BadFrameError('This socket has said hello already.');
    connection.greeted = true;
    try {
      const hello = read.hello(frame.data);
      const state = await this.state(connection);
      if (state) await this.hello.say(connection, hello, state, frame.id);
    } catch (error) {
      if (!(error instanceof BadFrameError)) return this.sendAway(connection, frame, error);
      connection.refuse(error, frame);
      connection.close(CloseCode.badFrames, 'bad hello');
    }
  }

  /** A second hello is not taken, so whoever was not welcome has to come back on another socket. */
  private sendAway(connection: Connection, frame: ReceivedFrame, cause: unknown): void {
    this.logger.error(`A hello could not be answered: ${messageOf(cause)}`);
    connection.refuse(new InternalError('The gateway can welcome nobody now.', { cause, temporary: true }), frame);
    connection.close(CloseCode.insufficientState, 'nobody can be welcomed now: reconnect');
  }

  /** A gateway that has not read the log back cannot tell what is decided, so it sends clients to another one. */
  private async state(connection: Connection): Promise<GatewayState | undefined> {
    try {
      return await this.ready(connection.closed);
    } catch {
      connection.close(CloseCode.insufficientState, 'the gateway is not ready: reconnect');
      return undefined;
    }
  }

  private async refresh(connection: Connection, session: Session, { data, id }: ReceivedFrame): Promise<void> {
    const refreshed = await this.hello.refresh(connection, session, read.refresh(data).token);
    if (refreshed) session.send('refreshed', refreshed, id);
  }
}
