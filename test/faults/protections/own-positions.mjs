// Without positions of one's own: who reads goes on, after a fetch that failed, where the broker says that the log ends, as a consumer
// without a committed offset does.
import { PartitionFetcher } from '../../../dist/lib/log/kafka/partition.fetcher.js';
import { demand } from '../protected.methods.mjs';

demand(PartitionFetcher, 'recover');

const { recover } = PartitionFetcher.prototype;
PartitionFetcher.prototype.recover = async function (backoff) {
  await recover.call(this, backoff);
  for (const topic of new Set([...this.readings.values()].map((reading) => reading.topic))) {
    const offsets = await this.cluster.offsets(topic).catch(() => []);
    for (const { partition, end } of offsets) {
      const reading = this.readings.get(`${topic}/${partition}`);
      if (reading?.idle) reading.position = end;
    }
  }
};
