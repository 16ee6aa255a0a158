import type { BenchCase, BenchSite } from './bench.case.js';
import { gatewaysGrow } from './growth/gateways.growth.js';
import { partitionsGrow } from './growth/partitions.growth.js';
import { payloadGrows } from './growth/payload.growth.js';
import { socketsGrow } from './growth/sockets.growth.js';
import { EventWriter } from './support/event.writer.js';
import type { Figure } from './support/figure.js';

/** What latency and cost do as one thing grows and all others stay: no goals, but the plots of `RESULTS.md`. */
export const growth: BenchCase = {
  name: 'growth',
  needs: ['kafka', 'redis'],

  async run(site: BenchSite): Promise<Figure[]> {
    const figures: Figure[] = [];
    for (const axis of [gatewaysGrow, socketsGrow, partitionsGrow, payloadGrows]) {
      const writer = new EventWriter(site.brokers);
      await writer.connect();
      try {
        figures.push(...(await axis(site, writer)));
      } finally {
        await site.stop(); // before their topics are gone
        await writer.close();
      }
    }
    return figures;
  },
};
