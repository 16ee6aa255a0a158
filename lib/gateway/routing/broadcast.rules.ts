import type { BroadcastContent } from '../gateway.options.js';

/** Which event types leave the house, and how much of each. An exact name goes before `Entity.*`, which goes before `*`. */
export class BroadcastRules {
  constructor(private readonly rules: Readonly<Record<string, BroadcastContent>>) {}

  /** What of an event type is broadcast; undefined: nothing, it stays inside. */
  contentOf(type: string): BroadcastContent | undefined {
    return this.rule(type) ?? this.rule(`${type.slice(0, type.indexOf('.'))}.*`) ?? this.rule('*');
  }

  private rule(name: string): BroadcastContent | undefined {
    return Object.hasOwn(this.rules, name) ? this.rules[name] : undefined;
  }
}
