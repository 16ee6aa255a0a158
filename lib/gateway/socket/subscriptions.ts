import type { ClientFrames, TypesByTopic } from '../../protocol/frames.js';
import type { AccessRules } from '../access.rules.js';
import { BadFrameError, type ClientFacingError, ForbiddenError } from '../gateway.errors.js';
import type { GatewayClient, GatewayOptions } from '../gateway.options.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { Session, WantedTypes } from './session.js';
import type { SessionRegistry } from './session.registry.js';

/** Which topics' events a session gets. */
export class Subscriptions {
  constructor(
    private readonly sessions: SessionRegistry,
    private readonly router: RecordRouter,
    private readonly access: AccessRules,
    private readonly options: GatewayOptions,
  ) {}

  /**
   * Opens channels; those that are forbidden are told to `refused`, one by one, and the rest goes on.
   * @returns the channels that are open now
   */
  async open(
    session: Session,
    channels: readonly string[],
    types: TypesByTopic,
    refused: (error: ClientFacingError) => void,
  ): Promise<readonly string[]> {
    const opened: string[] = [];
    const sets = new Map<readonly string[], ReadonlySet<string>>();
    for (const topic of channels) {
      const error = await this.refusal(session, topic);
      if (error) refused(error);
      else {
        this.sessions.subscribe(session, topic, wanted(types, topic, sets));
        opened.push(topic);
      }
    }
    return opened;
  }

  async subscribe(
    session: Session,
    { channels, types }: ClientFrames['subscribe'],
    refused: (error: ClientFacingError) => void,
    frameId?: string,
  ): Promise<void> {
    const byTopic = types ? Object.fromEntries(channels.map((topic) => [topic, types])) : {};
    const opened = await this.open(session, channels, byTopic, refused);
    if (opened.length === 0 && channels.length > 0) return; // refused, each by its own error
    session.send(
      'subscribed',
      { channels: opened, ...(types && { types }), positions: this.positions(session, opened) },
      frameId,
    );
  }

  /**
   * Closes channels, or only some types of them.
   * @throws {BadFrameError} `bad_frame`: types of a channel of which all are subscribed
   */
  unsubscribe(session: Session, { channels, types }: ClientFrames['unsubscribe'], frameId?: string): void {
    // All of it is refused before any of it is done.
    const gone = types && new Set(types);
    const lefts = channels.map((topic) => gone && remaining(topic, session.channels.get(topic), gone));
    for (const [index, topic] of channels.entries()) {
      const left = lefts[index];
      if (left && left.size > 0) this.sessions.subscribe(session, topic, left);
      else this.sessions.unsubscribe(session, topic);
    }
    session.send(
      'unsubscribed',
      { channels, ...(types && { types }), positions: this.positions(session, channels) },
      frameId,
    );
  }

  /** The open channels that a session may not listen to by the claims that it is about to have, and what it is told of each. */
  async forbidden(session: Session, client: GatewayClient): Promise<{ topic: string; error: ClientFacingError }[]> {
    const closing: { topic: string; error: ClientFacingError }[] = [];
    for (const topic of [...session.channels.keys()]) {
      if (!(await this.access.may({ action: 'channel', topic }, client))) closing.push({ topic, error: notFor(topic) });
    }
    return closing;
  }

  private positions(session: Session, topics: readonly string[]) {
    return session.positions([...this.router.routed()].filter(([topic]) => topics.includes(topic)));
  }

  private async refusal(session: Session, topic: string): Promise<ClientFacingError | undefined> {
    if (!this.options.topics.includes(topic))
      return new ForbiddenError(`There is no channel "${topic}" here.`, { details: { channel: topic } });
    if (session.channels.size >= this.options.limits.channels && !session.channels.has(topic)) {
      return new ForbiddenError(
        `${this.options.limits.channels} channels are the most that a client may open; "${topic}" was not.`,
        { details: { channel: topic } },
      );
    }
    return (await this.access.may({ action: 'channel', topic }, session)) ? undefined : notFor(topic);
  }
}

function notFor(topic: string): ForbiddenError {
  return new ForbiddenError(`This client may not listen to the channel "${topic}".`, { details: { channel: topic } });
}

/** @param sets those that were made of lists: one for all topics that share a list, since the registry sorts each */
function wanted(types: TypesByTopic, topic: string, sets: Map<readonly string[], ReadonlySet<string>>): WantedTypes {
  const list = Object.hasOwn(types, topic) ? types[topic] : undefined;
  if (!list) return 'all';
  const set = sets.get(list) ?? new Set(list);
  sets.set(list, set);
  return set;
}

function remaining(topic: string, current: WantedTypes = new Set(), gone: ReadonlySet<string>): ReadonlySet<string> {
  if (current === 'all') {
    throw new BadFrameError(
      `All types of "${topic}" are subscribed, and of all none can be taken away. Subscribe to those that you want.`,
    );
  }
  const left = new Set([...current].filter((type) => !gone.has(type)));
  return left.size === current.size ? current : left; // which the registry knows
}
