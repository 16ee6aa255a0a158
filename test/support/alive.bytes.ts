import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Buffers are let go of aside, and so a moment after they were found to be dead. */
async function collectAll(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise(setImmediate);
  }
}

/** Bytes of buffers that are alive. */
export async function buffersAlive(): Promise<number> {
  await collectAll();
  return process.memoryUsage().arrayBuffers;
}

/** Bytes that are alive, on the heap and in buffers. */
export async function bytesAlive(): Promise<number> {
  await collectAll();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Whether nothing keeps an object alive any more. */
export async function isGone(object: WeakRef<object>): Promise<boolean> {
  await collectAll();
  return object.deref() === undefined;
}
