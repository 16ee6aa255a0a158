/** What grows, and why it costs what it does: the words beside its plots. */
export interface GrowthAxis {
  readonly name: string;
  readonly title: string;
  /** What stays the same meanwhile. */
  readonly setting: string;
  /** Why the curve bends where it does. */
  readonly why: string;
}

export const GROWTH_AXES: readonly GrowthAxis[] = [
  {
    name: 'gateways',
    title: 'Gateways',
    setting:
      '200 clients over all of them, 50 events a second to each client, and 1,000 records a second in the same topic that are for nobody.',
    why:
      'Every gateway reads every record, so the reading is paid again at each of them, while the deliveries are shared. ' +
      'On a machine with fewer cores than processes (clients, Kafka and gateways here share it) latency bends where the cores are all taken; ' +
      'with a core for each gateway it does not, and what is left is the traffic that one gateway can read.',
  },
  {
    name: 'sockets',
    title: 'Sockets at one gateway',
    setting: '5 events a second, each of which goes to every socket.',
    why:
      'Each delivery is one write into a socket, a system call, on one thread. The p99 grows with the sockets from the beginning, since the last of them is written to ' +
      'after all others; it bends where sockets x events come near what one core can write (`broadcast`), and clients that share the cores take theirs before that.',
  },
  {
    name: 'partitions',
    title: 'Partitions',
    setting: '6 partitions are the default. One request at a time for latency, 100 in flight for cost, Redis included.',
    why:
      'Kafka gets one batch a partition and request: the same records over more partitions are more and smaller batches, at the broker, in the producer and in both readers. ' +
      'They buy instances of a service that work side by side, and cost each round trip a little. Take as many as instances are to come, not more.',
  },
  {
    name: 'bytes',
    title: 'Payload',
    setting:
      'A request carries it, and so does its result. 64,000 bytes are what `gateway.limits.payload` leaves by default.',
    why:
      'A payload is parsed and written as JSON three times a hop and goes through base64 and AES once; below some kilobytes that is little beside what a record costs whatever it holds, ' +
      'and the curve is flat. Beyond, cost is proportional to the bytes, and a large frame holds up the small ones behind it, which is why the p99 bends first.',
  },
];
