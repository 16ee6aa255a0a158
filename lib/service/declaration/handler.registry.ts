import type { MessageType } from '../../message/message.type.js';
import type { Handler } from './handler.js';

/** The handlers of this service by what they handle. */
export class HandlerRegistry {
  private readonly byTopic = new Map<string, Map<string, Handler[]>>();

  constructor(readonly handlers: readonly Handler[]) {
    for (const handler of handlers) {
      const topic = this.byTopic.get(handler.topic) ?? new Map<string, Handler[]>();
      const type = typeKey(handler);
      topic.set(type, [...(topic.get(type) ?? []), handler]);
      this.byTopic.set(handler.topic, topic);
    }
  }

  /** Who handles a message: one handler for a command, any number for an event, undefined where nobody does. */
  find(topic: string, type: Pick<MessageType, 'kind' | 'name'>): readonly Handler[] | undefined {
    return this.byTopic.get(topic)?.get(typeKey(type));
  }

  /** Whether commands of a topic are handled here. */
  hasCommands(topic: string): boolean {
    return this.handlers.some((handler) => handler.kind === 'command' && handler.topic === topic);
  }

  /** Topics to read. */
  get topics(): string[] {
    return [...this.byTopic.keys()];
  }

  /** Whether some handler tries again out of order. */
  get retriesElsewhere(): boolean {
    return this.handlers.some(({ retry }) => retry?.order === 'out-of-order');
  }

  /** Topics that what the methods return is published to. */
  get publishedTopics(): string[] {
    return [...new Set(this.handlers.flatMap(({ publications }) => publications.map(({ topic }) => topic)))];
  }
}

function typeKey({ kind, name }: Pick<MessageType, 'kind' | 'name'>): string {
  return `${kind}.${name}`;
}
