import { randomUUID } from 'node:crypto';
import type { BenchCase, BenchSite } from './bench.case.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';
import type { GatewayProcess } from './support/gateway.process.js';
import { gatewayOptions } from './support/gateway.settings.js';
import { interleave, type Variant } from './support/interleave.js';
import type { PlainReader } from './support/plain-reader.process.js';
import { PROCESSES } from './support/processes.js';

const PARTITIONS = 3;
/** An event that the gateway's options do not name, so that it is for no client. */
const INTERNAL = 'Stock.Counted';

/**
 * Records that are for nobody here, told by their headers alone: how much longer a gateway needs to be ready where a topic is
 * full than where it is empty, beside kafkajs that reads the same and looks at nothing, from when it joined its group.
 */
export const discard: BenchCase = {
  name: 'discard',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const count = site.quick ? 150_000 : 450_000;
    const [topic, empty] = [`discard-${randomUUID()}`, `empty-${randomUUID()}`];
    const writer = new EventWriter(site.brokers);
    await writer.connect();
    try {
      await writer.create([topic, empty], PARTITIONS);
      for (let partition = 0; partition < PARTITIONS; partition++)
        await writer.fill(topic, partition, count / PARTITIONS, INTERNAL);
      site.tell(`${count} records that are for nobody`);
      const samples = await interleave(site.quick ? 3 : 5, sides(site, topic, empty, count));
      const both = (kind: keyof Cost) => ({
        ours: samples.ours.map((cost) => (count * 1_000) / cost[kind]),
        floor: samples.floor.map((cost) => (count * 1_000) / cost[kind]),
      });
      const metric = 'records passed by';
      return [
        { metric, unit: 'records/s of one core', ...both('cpu'), goal: { of: 'floor', atLeast: 0.8 } },
        { metric: `${metric}, by the clock`, unit: 'records/s', ...both('took') },
      ];
    } finally {
      await writer.close();
    }
  },
};

/** In milliseconds, by the clock and by the processor. */
interface Cost {
  readonly took: number;
  readonly cpu: number;
}

function sides(site: BenchSite, topic: string, empty: string, count: number): Record<'ours' | 'floor', Variant<Cost>> {
  const gateway = site.start<GatewayProcess>(PROCESSES.gateway, { profiled: true });
  const reader = site.start<PlainReader>(PROCESSES.plainReader);
  const readyIn = async (one: string): Promise<Cost> => {
    const before = await gateway.ask.cpu();
    const { took } = await gateway.ask.start(gatewayOptions(site, [one]));
    const cpu = (await gateway.ask.cpu()) - before;
    await gateway.ask.stop();
    return { took, cpu };
  };
  return {
    ours: async () => {
      const [idle, full] = [await readyIn(empty), await readyIn(topic)];
      return { took: full.took - idle.took, cpu: full.cpu - idle.cpu };
    },
    floor: () => reader.ask.read(site.brokers, topic, count),
  };
}
