import { commandAddressOf } from '../../entity/command-address.decorator.js';
import type { FoundMethod } from './found.method.js';
import type { PayloadClass } from '../../entity/payload.class.js';
import { declarationOf } from './method.declaration.js';

interface Owner {
  readonly name: string;
  readonly prototype: object;
}

// What the decorators of @nestjs/cqrs 11 and 12 leave behind: on the class where they belong, on the prototype where they
// were put on a method, which they accept without doing anything.
const COMMAND_HANDLER = '__commandHandler__';
const CQRS_DECORATORS: ReadonlyMap<string, readonly [theirs: string, ours: string]> = new Map([
  [COMMAND_HANDLER, ['CommandHandler', '@CommandHandler']],
  ['__eventsHandler__', ['EventsHandler', '@EventHandler']],
  ['__queryHandler__', ['QueryHandler', '@CommandHandler']],
]);

const FIX =
  'Import it from nestjs-kafka-socket; where a file needs both, KafkaCommandHandler and KafkaEventPublisher are the same by another name.';

/** Decorators of @nestjs/cqrs that were meant to be ours. */
export function mixUpProblems(owner: Owner, methods: readonly FoundMethod[]): string[] {
  return [...onMethods(owner), ...onClass(owner, methods)];
}

function onMethods(owner: Owner): string[] {
  return [...CQRS_DECORATORS].flatMap(([key, [theirs, ours]]) =>
    Reflect.hasMetadata(key, owner.prototype)
      ? [
          `${owner.name}.${undecorated(owner)}: a method has @${theirs} of @nestjs/cqrs, which does nothing there; ${ours} of this package was meant. ${FIX}`,
        ]
      : [],
  );
}

/** A command bus may well carry a class that also travels over Kafka, as long as something takes it from Kafka. */
function onClass(owner: Owner, methods: readonly FoundMethod[]): string[] {
  const payload = Reflect.getOwnMetadata(COMMAND_HANDLER, owner) as PayloadClass | undefined;
  const address = payload && commandAddressOf(payload);
  if (!address) return [];
  const handled = methods.some(({ declaration }) =>
    declaration.commands.some((command) => command.payload === payload),
  );
  if (handled) return [];
  return [
    `${owner.name}.execute: class ${owner.name} has @CommandHandler(${payload.name}) of @nestjs/cqrs, so the command ${address.name} of topic ${address.topic} never reaches it. Put @CommandHandler(${payload.name}) of this package on the method. ${FIX}`,
  ];
}

/** Their decorator does not keep the method's name; it is one of those that have none of ours. */
function undecorated({ prototype }: Owner): string {
  const names = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function' && !declarationOf(value))
    .map(([name]) => name);
  return names.length === 1 ? names[0]! : `{${names.join('|')}}`;
}

/** Our decorators on static methods, which belong to no instance that Nest made. */
export function staticProblems(owner: Owner): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(owner))
    .filter(([, { value }]) => declarationOf(value))
    .map(([name]) => `${owner.name}.${name} is static, so Nest cannot call it with its dependencies. Remove "static".`);
}
