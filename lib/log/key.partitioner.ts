const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * The partition of a key, as every Kafka client chooses it: murmur2 of the key's bytes, made positive, modulo the count.
 * @see https://github.com/apache/kafka/blob/4.1.0/clients/src/main/java/org/apache/kafka/common/utils/Utils.java
 */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}

/** Kafka's variant of murmur2: 32 bits, little endian, with a fixed seed. */
export function murmur2(data: Uint8Array): number {
  const words = data.length >> 2;
  let hash = SEED ^ data.length;
  for (let word = 0; word < words; word++) hash = Math.imul(hash, M) ^ scramble(littleEndian(data, word * 4, 4));
  const tail = data.length & 3;
  if (tail > 0) hash = Math.imul(hash ^ littleEndian(data, words * 4, tail), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

function scramble(word: number): number {
  const mixed = Math.imul(word, M);
  return Math.imul(mixed ^ (mixed >>> 24), M);
}

function littleEndian(data: Uint8Array, start: number, bytes: number): number {
  let word = 0;
  for (let index = 0; index < bytes; index++) word |= data[start + index]! << (8 * index);
  return word;
}
