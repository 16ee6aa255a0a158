// A gateway or a service of the fault suite, in a process of its own. Plain JavaScript: it runs what was built.
import { setTimeout as pause } from 'node:timers/promises';
import { IsInt, IsOptional } from 'class-validator';
import {
  CommandAddress,
  CommandHandler,
  CommandRejectedError,
  EventEntity,
  EventHandler,
  EventPublisher,
  KafkaSocketModule,
  MessagePublisher,
} from 'nestjs-kafka-socket';
import { decorate, serve } from '../support/member.application.mjs';
import { Effects } from './effects.inbox.mjs';
import { Use } from './member.use.mjs';

const { ROLE, TOPIC, KAFKA_BROKERS, REDIS_PORT, INSTANCE, EFFECTS, WITHOUT } = process.env;

// To see what a part is there for: a run without it must find what goes wrong then.
if (WITHOUT) await import(`./protections/${WITHOUT}.mjs`);

/** Every command has a number of its own, which rises with each one of a key. */
function command(name) {
  const type = { [name]: class {} }[name];
  IsInt()(type.prototype, 'n');
  IsOptional()(type.prototype, 'ms');
  IsInt()(type.prototype, 'ms');
  CommandAddress(TOPIC, name)(type);
  return type;
}

function event(name) {
  const type = { [name]: class {} }[name];
  EventEntity(TOPIC, name)(type);
  return type;
}

/** By which the world asks whether commands are answered at all. */
class Probe {}
IsOptional()(Probe.prototype, 'nothing');
CommandAddress(TOPIC, 'Probe')(Probe);

const [Quick, Slow, Fail, Reject, Never, Nest, Step] = ['Quick', 'Slow', 'Fail', 'Reject', 'Never', 'Nest', 'Step'].map(
  command,
);
const [Quicker, Slower, Stepper] = ['Quicker', 'Slower', 'Stepper'].map(event);

const effects = ROLE === 'service' && new Effects(EFFECTS, INSTANCE);

class Work {
  constructor(publisher) {
    this.publisher = publisher;
  }

  quick({ data: { n } }) {
    return effects.note('Quick', n);
  }

  /** To the edge of its time, whether or not somebody still waits. */
  async slow({ data: { n, ms } }) {
    await pause(ms);
    return effects.note('Slow', n);
  }

  fail({ data: { n } }) {
    effects.note('Fail', n); // taken back with it
    throw new Error('It fails.');
  }

  reject({ data: { n } }) {
    effects.note('Reject', n);
    throw new CommandRejectedError('NO', 'It is rejected.');
  }

  /** Is never answered. */
  never() {}

  probe() {}

  async nest({ data: { n } }) {
    await this.publisher.command(Step, { n }, { deadline: 'none' });
    return effects.note('Nest', n);
  }

  step({ data: { n } }) {
    return effects.note('Step', n);
  }

  seen({ data: { n } }) {
    effects.note('seen', n);
  }

  /** So that some are always under way when a service is killed. */
  async seenSlowly({ data: { n } }) {
    await pause(500);
    effects.note('seen', n);
  }
}
Reflect.defineMetadata('design:paramtypes', [MessagePublisher], Work);
for (const [method, decorator] of [
  ['probe', CommandHandler(Probe)],
  ['quick', CommandHandler(Quick)],
  ['quick', EventPublisher(Quicker, 'Done')],
  ['slow', CommandHandler(Slow)],
  ['slow', EventPublisher(Slower, 'Done')],
  ['fail', CommandHandler(Fail)],
  ['reject', CommandHandler(Reject)],
  ['never', CommandHandler(Never, { reply: 'later' })],
  ['nest', CommandHandler(Nest)],
  ['step', CommandHandler(Step)],
  ['step', EventPublisher(Stepper, 'Done')],
  ['seen', EventHandler(Quicker, 'Done')],
  ['seenSlowly', EventHandler(Slower, 'Done')],
  ['seen', EventHandler(Stepper, 'Done')],
]) {
  decorate(Work, method, decorator);
}

const brokers = KAFKA_BROKERS.split(',');
const member = KafkaSocketModule.forRoot({
  service: `${TOPIC}-service`,
  kafka: {
    brokers,
    createTopics: { partitions: 6, replicationFactor: Math.min(brokers.length, 3) },
    sessionTimeout: 6_000,
    // Soon enough that partitions which are added, and leaders which move, are part of a short run.
    metadataMaxAge: 5_000,
  },
  redis: { host: '127.0.0.1', port: Number(REDIS_PORT) },
  handlers: { window: 61_000, ...(effects && { inbox: { store: effects } }) },
  ...(ROLE === 'gateway' && {
    gateway: {
      topics: [TOPIC],
      broadcast: { 'Quicker.*': 'data', 'Slower.*': 'data', 'Stepper.*': 'data' },
      ttl: { maximum: 60_000 },
      heartbeat: { interval: 4_000, timeout: 3_000 },
      // Small, so that what a run leaves in memory is little, and clients that were away are served from the log.
      limits: { ring: 1_048_576, recoveryCache: 1_048_576 },
    },
  }),
});

await serve([member], ROLE === 'service' ? [Work] : [], [Use]);
