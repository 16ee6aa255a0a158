import { randomUUID } from 'node:crypto';
import { MissingTopicsError } from '../log.errors.js';
import type { MemoryLogOptions } from '../log.options.js';
import { checkTopicNames } from '../topic.names.js';
import { MemoryGroup } from './memory.group.js';
import { MemoryPartition } from './memory.partition.js';

/** What several logs in one process may share, as several processes share a Kafka: topics, and groups that read them. */
export class MemoryBroker {
  readonly id = `memory-${randomUUID()}`;
  private readonly topics = new Map<string, readonly MemoryPartition[]>();
  private readonly groups = new Map<string, MemoryGroup>();

  constructor(private readonly options: MemoryLogOptions) {}

  /** @throws {MissingTopicsError} `topics_missing`: a name that no Kafka takes either */
  createTopics(names: readonly string[]): void {
    checkTopicNames(names);
    const { partitions, retention } = this.options;
    for (const name of names) {
      if (this.topics.has(name)) continue;
      const made = Array.from({ length: partitions }, (_, index) => new MemoryPartition(name, index, retention));
      this.topics.set(name, made);
    }
  }

  /** @throws {MissingTopicsError} `topics_missing` */
  partitionsOf(topic: string): readonly MemoryPartition[] {
    const partitions = this.topics.get(topic);
    if (!partitions) throw new MissingTopicsError(`There is no topic "${topic}". Make sure of it with ensureTopics.`);
    return partitions;
  }

  group(name: string): MemoryGroup {
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = new MemoryGroup(name, this.topics)));
    return group;
  }
}
