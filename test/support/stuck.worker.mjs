// A process that takes time-outs from Redis and dies while it publishes them. Plain JavaScript, on Bull itself: all that matters is
// what it leaves behind, jobs under locks that nobody renews.
import Bull from 'bull';

const [, , name, prefix, port, count] = process.argv;
const settings = { lockDuration: 10_000, stalledInterval: 5_000, maxStalledCount: 100 };
const queue = new Bull(name, { prefix, redis: { host: '127.0.0.1', port: Number(port) }, settings });
let taken = 0;
void queue.process(Number(count), () => {
  if (++taken === Number(count)) console.log('stuck');
  return new Promise(() => undefined);
});
