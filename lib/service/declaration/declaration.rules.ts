import { NAME, TOPIC_NAME } from '../../protocol/names.js';
import { commandAddressOf } from '../../entity/command-address.decorator.js';
import { DEAD_LETTER_SUFFIX } from '../../message/dead-letter.headers.js';
import { entityProblems } from './entity.rules.js';
import { eventEntityOf } from '../../entity/event-entity.decorator.js';
import { retryProblems } from '../retry/retry.rules.js';
import { type FoundMethod, labelOf, methodNamed } from './found.method.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { declarationOf } from './method.declaration.js';

const NAME_RULE = 'Use letters, digits, "_" and "-" only.';

/** What is wrong with what is declared, each with the fix. */
export function declarationProblems(methods: readonly FoundMethod[]): string[] {
  return [...methods.flatMap(methodProblems), ...duplicateProblems(methods)];
}

function methodProblems(found: FoundMethod): string[] {
  const { commands, events, publications } = found.declaration;
  const label = labelOf(found);
  return [
    ...commands.flatMap(({ payload, reply, onLate }) => [
      ...commandProblems(label, payload),
      ...replyProblems(label, reply),
      ...lateProblems(label, found, onLate),
    ]),
    ...events.flatMap(({ payload, eventType }) => eventProblems(label, 'EventHandler', payload, eventType)),
    ...publications.flatMap(({ payload, eventType }) => eventProblems(label, 'EventPublisher', payload, eventType)),
    ...roleProblems(label, found),
    ...retryProblems(label, found.declaration),
  ];
}

function commandProblems(label: string, payload: PayloadClass | undefined): string[] {
  if (!payload) return [missingClass(label, 'CommandHandler')];
  const address = commandAddressOf(payload);
  if (!address) {
    const instead = eventEntityOf(payload) ? ' It has @EventEntity: to handle events, use @EventHandler.' : '';
    return [
      `${label}: @CommandHandler(${payload.name}) has no address. Write @CommandAddress('<topic>') above class ${payload.name}.${instead}`,
    ];
  }
  return [
    ...topicProblems(payload, address.topic),
    ...nameProblems(`class ${payload.name}, command`, address.name),
    ...entityProblems(label, payload),
  ];
}

function eventProblems(label: string, decorator: string, payload: PayloadClass | undefined, type: string): string[] {
  if (!payload) return [missingClass(label, decorator)];
  const entity = eventEntityOf(payload);
  if (!entity) {
    return [
      `${label}: @${decorator}(${payload.name}, …) is about no entity. Write @EventEntity('<topic>', '<Entity>') above class ${payload.name}.`,
    ];
  }
  return [
    ...topicProblems(payload, entity.topic),
    ...nameProblems(`class ${payload.name}, entity`, entity.entity),
    ...nameProblems(`${label}, event type`, type),
  ];
}

function missingClass(label: string, decorator: string): string {
  return `${label}: @${decorator}() was given undefined instead of a class. Two files probably import each other; move the class to a file of its own.`;
}

function topicProblems({ name }: PayloadClass, topic: string): string[] {
  const longest = 249 - DEAD_LETTER_SUFFIX.length;
  if (TOPIC_NAME.test(topic) && topic.length <= longest) return [];
  return [
    `class ${name}: ${JSON.stringify(topic)} cannot be a topic. Use at most ${longest} letters, digits, ".", "_" and "-" (its dead letters go to <topic>${DEAD_LETTER_SUFFIX}).`,
  ];
}

function nameProblems(what: string, name: string): string[] {
  return NAME.test(name) ? [] : [`${what}: ${JSON.stringify(name)} cannot be a name. ${NAME_RULE}`];
}

function replyProblems(label: string, reply: string): string[] {
  if (reply === 'result' || reply === 'later') return [];
  return [`${label}: reply is ${JSON.stringify(reply)}. It can be 'result' or 'later'.`];
}

function lateProblems(label: string, found: FoundMethod, onLate: unknown): string[] {
  if (onLate === undefined) return [];
  const { name } = found.owner;
  const method = typeof onLate === 'string' ? methodNamed(found, onLate) : undefined;
  if (!method) {
    return [
      `${label}: onLate is ${JSON.stringify(onLate)}, and class ${name} has no method of that name. Write one, such as refund(outcome, context) { … }, and name it: onLate: 'refund'.`,
    ];
  }
  if (!declarationOf(method)) return [];
  return [
    `${label}: onLate is ${JSON.stringify(onLate)}, which handles messages itself and would take an outcome for one. Write a method of its own for it.`,
  ];
}

function roleProblems(label: string, { declaration: { commands, events, publications } }: FoundMethod): string[] {
  if (commands.length > 0 && events.length > 0) {
    return [`${label} has both @CommandHandler and @EventHandler. Write two methods: only a command has an answer.`];
  }
  if (commands.length + events.length + publications.length > 0 && commands.length + events.length === 0) {
    return [
      `${label} has @EventPublisher, but nothing calls it with a message, so nothing would ever be published. Add @CommandHandler or @EventHandler, or inject MessagePublisher and call event().`,
    ];
  }
  return [];
}

function duplicateProblems(methods: readonly FoundMethod[]): string[] {
  const byAddress = new Map<string, FoundMethod[]>();
  for (const found of methods) {
    for (const address of addressesOf(found)) byAddress.set(address, [...(byAddress.get(address) ?? []), found]);
  }
  return [...byAddress].flatMap(([address, founds]) => duplicates(address, founds));
}

/** Where two meet, one is too many; an event has no address, so only the same method twice is. */
function addressesOf(found: FoundMethod): string[] {
  const { commands, events } = found.declaration;
  return [
    ...commands.flatMap(({ payload }) => {
      const address = payload && commandAddressOf(payload);
      return address ? [`command ${address.name} of topic ${address.topic}`] : [];
    }),
    ...events.flatMap(({ payload, eventType }) => {
      const entity = payload && eventEntityOf(payload);
      return entity ? [`event ${entity.entity}.${eventType} of topic ${entity.topic}, by ${labelOf(found)}`] : [];
    }),
  ];
}

function duplicates(address: string, founds: readonly FoundMethod[]): string[] {
  if (founds.length < 2) return [];
  const labels = [...new Set(founds.map(labelOf))];
  if (labels.length > 1) {
    return [`The ${address} is handled by ${labels.join(' and ')}. A command has one handler: remove the others.`];
  }
  const modules = [...new Set(founds.map(({ host }) => host.host?.name))];
  return [
    modules.length > 1
      ? `${labels[0]} exists in the modules ${modules.join(' and ')}, so the ${address} would be handled by each. Provide the class in one module, export it, and import that module.`
      : `${labels[0]} is declared more than once for the ${address}. Remove one of the decorators, or provide the class once.`,
  ];
}
