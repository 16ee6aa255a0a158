import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { AuctionModule } from '../sample-app/auction/auction.module.js';
import { PaymentModule } from '../sample-app/payment/payment.module.js';
import { WorkModule } from '../sample-app/work/work.module.js';
import { startApp } from './support/app.js';
import { conformance, namesIn } from './support/conformance.run.js';
import { KafkaServer } from './support/kafka.server.js';
import { Markdown } from './support/markdown.js';
import { describeWithKafka } from './support/real.parts.js';
import { type SampleEnvironment, SampleProcess } from './support/sample.process.js';

/** What needs users to tell apart. */
const OF_USERS = ['hello.5', 'refresh.2', 'refresh.3', 'result.2'];
/** What cannot be looked at from a socket of the sample. All else is looked at. */
const OUT_OF_REACH = `
  broadcast.4 broadcast.5 broadcast.6 close.1 connect.7 epoch.2 hello.9 limit.10 limit.11 limit.5 limit.6 limit.7 limit.9
  position.6 progress.1 progress.2 progress.3 recovery.10 recovery.12 refresh.4 repeat.7 repeat.8 request.12 request.13 welcome.4 welcome.5`
  .trim()
  .split(/\s+/);

describe('the conformance suite', () => {
  it('finds that the sample keeps every rule that can be looked at', { timeout: 180_000 }, async () => {
    const sample = await start();

    const { output, ...found } = await conformance(sample.socketUrl);

    expect(found, output).toEqual({ code: 0, broken: [], notChecked: [...OUT_OF_REACH, ...OF_USERS].sort() });
    expect(output).toContain('It conforms');
  });

  it('looks at more where it has the tokens of two users', { timeout: 180_000 }, async () => {
    const url = await startForUsers({ ann: 'token of Ann', bob: 'token of Bob' });
    const users = ['--token', 'token of Ann', '--other-token', 'token of Bob', '--hello-timeout', '1000'];

    const { output, ...found } = await conformance(url, ...users);

    expect(found, output).toEqual({ code: 0, broken: [], notChecked: OUT_OF_REACH });
  });

  it('tells what is wrong with its arguments, and leaves with 2', async () => {
    expect(await conformance('http://localhost:3000')).toMatchObject({ code: 2 });
    expect(await conformance('ws://localhost:3000', '--other-token', 'x')).toMatchObject({ code: 2 });
  });
});

describeWithKafka('the conformance suite on Kafka and Redis', () => {
  it('finds the same where gateway and services are apart', { timeout: 240_000 }, async () => {
    const kafka = await KafkaServer.start(); // of its own: other suites run services of the sample, too
    onTestFinished(() => kafka.stop());
    const redis = inject('redisUrl');
    const parts = { KAFKA_BROKERS: kafka.addresses, ...(redis && { REDIS_URL: redis }) };
    const gateway = await start({ ...parts, ROLE: 'gateway' });
    await start({ ...parts, ROLE: 'service' });

    const { output, ...found } = await conformance(gateway.socketUrl);

    expect(found, output).toEqual({ code: 0, broken: [], notChecked: [...OUT_OF_REACH, ...OF_USERS].sort() });
  });
});

/** The rules by which PROTOCOL.md binds gateways, and those that the suite looks at or says that it cannot. */
describe('the rules of PROTOCOL.md', () => {
  it('are those that the suite knows', async () => {
    const { text } = await Markdown.read('PROTOCOL.md');
    const rules = [...text.matchAll(/\*\*\[([a-z]+\.\d+)\]\*\*/g)].map(([, name]) => name!);
    const { output } = await conformance('ws://127.0.0.1:9/socket', '--list');
    expect(namesIn(output)).toEqual([...rules].sort());
  });
});

async function start(environment?: SampleEnvironment): Promise<SampleProcess> {
  const sample = await SampleProcess.start(environment);
  onTestFinished(() => sample.stop());
  return sample;
}

/** The sample's services behind a gateway that asks for tokens, and whose heart beats fast. */
async function startForUsers(tokens: Readonly<Record<string, string>>): Promise<string> {
  const log = new MemoryMessageLog();
  const gateway = {
    topics: ['auction'],
    broadcast: { 'Bid.*': 'data', 'Lot.*': 'data', 'Reserve.*': 'metadata' } as const,
    helloTimeout: 1_000,
    heartbeat: { interval: 2_000, timeout: 1_000 },
    authenticate: (token: string | undefined) => {
      const [sub] = Object.entries(tokens).find(([, known]) => known === token) ?? [];
      if (sub === undefined) throw new Error('nobody has this token');
      return { claims: { sub } };
    },
  };
  const services = [AuctionModule, WorkModule, PaymentModule.forRoot({ log })];
  const { url } = await startApp({ log, gateway, handlers: { include: [AuctionModule, WorkModule] } }, [], services);
  return url;
}
