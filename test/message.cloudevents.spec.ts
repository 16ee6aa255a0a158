import { randomUUID } from 'node:crypto';
import { CloudEvent, Kafka as CloudEventsKafka, type KafkaMessage } from 'cloudevents';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { decodeMessage, encodeMessage } from '../lib/message/cloud-events.codec.js';
import { followUp } from '../lib/message/follow-up.js';
import { messageId } from '../lib/message/message.id.js';
import type { Payload, PlatformMessage } from '../lib/message/platform-message.js';
import { describeWithKafka } from './support/real.parts.js';

const COMMAND: Payload = { kind: 'command', name: 'PlaceBid', data: { lot: 7, note: 'Zoë, 120 €' } };
const RESULT: Payload = { kind: 'result', name: 'PlaceBid', data: { status: 'rejected', code: 'BID_TOO_LOW' } };
const EVENT: Payload = {
  kind: 'event',
  name: 'Bid.Created',
  entity: 'Bid',
  eventType: 'Created',
  data: { lot: 7, amount: 120 },
};

function message(payload: Payload): PlatformMessage {
  const id = messageId();
  const breadCrumbs = {
    requestId: randomUUID(),
    sessionId: 'a'.repeat(22),
    publicKey: 'BPk_x-y',
    correlationId: id,
    deadline: 1_780_000_000_000,
    timeoutId: 'f'.repeat(64),
    reply: { topic: 'auction', partition: 3 },
    attempt: 1,
    user: '{"sub":"zoë; 50%"}',
  };
  return { id, source: '/gateway', breadCrumbs, payload, traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` };
}

describe('a record of ours', () => {
  it('holds the headers that the documentation names, in UTF-8, and the payload’s JSON alone', () => {
    const { id, breadCrumbs, ...rest } = message(COMMAND);

    const record = encodeMessage({ id, breadCrumbs, ...rest });

    expect(record).toEqual({
      headers: {
        ce_specversion: '1.0',
        ce_id: id,
        ce_source: '/gateway',
        ce_type: 'command.PlaceBid',
        'content-type': 'application/json',
        ce_breadcrumbs:
          `request=${breadCrumbs.requestId};session=${'a'.repeat(22)};publickey=BPk_x-y;correlation=${id};` +
          `deadline=1780000000000;timeout=${'f'.repeat(64)};reply=auction%2F3;attempt=1;user=%7B%22sub%22%3A%22zo%C3%AB%3B%2050%25%22%7D`,
        traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      },
      value: '{"lot":7,"note":"Zoë, 120 €"}',
    });
  });

  it('has no trace header while no trace is active', () => {
    const { traceparent: _, ...untraced } = message(COMMAND);
    expect(encodeMessage(untraced).headers).not.toHaveProperty('traceparent');
  });

  it('is marked as what ends the request only where it does', () => {
    const result = message(RESULT);
    const final = { ...result, breadCrumbs: { ...result.breadCrumbs, final: true } };

    expect(encodeMessage(result).headers['ce_breadcrumbs']).not.toContain('final');
    expect(encodeMessage(final).headers['ce_breadcrumbs']).toMatch(/;final=1$/);
  });

  it.each([
    ['command', COMMAND, 'command.PlaceBid'],
    ['result', RESULT, 'result.PlaceBid'],
    ['event', EVENT, 'event.Bid.Created'],
  ])('is read by the CloudEvents SDK: a %s', (_, payload, type) => {
    const written = message(payload);
    const { headers, value } = encodeMessage(written);

    const event = readBySdk({ headers, value, key: 'lot-7' });

    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({
      specversion: '1.0',
      id: written.id,
      source: '/gateway',
      type,
      datacontenttype: 'application/json',
      data: payload.data,
      breadcrumbs: headers['ce_breadcrumbs'],
    });
  });

  it('may be one that the SDK wrote', () => {
    const event = new CloudEvent({
      id: 'e-1',
      source: '/warehouse',
      type: 'event.Parcel.Packed',
      datacontenttype: 'application/json',
      breadcrumbs: 'request=r-1;attempt=2',
      data: { parcel: 4 },
    });
    const { headers, value } = CloudEventsKafka.binary(event) as KafkaMessage<object>;

    const read = decodeMessage({ headers, value: JSON.stringify(value) });

    expect(read).toMatchObject({
      id: 'e-1',
      source: '/warehouse',
      breadCrumbs: { requestId: 'r-1', attempt: 2, correlationId: 'e-1' },
      payload: { kind: 'event', entity: 'Parcel', eventType: 'Packed', data: { parcel: 4 } },
    });
  });
});

describeWithKafka('a record of ours on Kafka', () => {
  it('is read by the CloudEvents SDK, and by us as it was written', async () => {
    const kafka = new Kafka({ brokers: inject('kafkaBrokers').split(','), logLevel: logLevel.NOTHING });
    const topic = `cloudevents-${randomUUID()}`;
    const written = followUp(message(COMMAND), '/auction', EVENT);

    const record = await roundTrip(kafka, topic, written);

    const headers = Object.fromEntries(Object.entries(record.headers).map(([name, bytes]) => [name, bytes.toString()]));
    const event = readBySdk({ headers, value: record.value, key: 'lot-7' });
    expect(event).toMatchObject({ id: written.id, source: '/auction', type: 'event.Bid.Created', data: EVENT.data });
    expect(decodeMessage(record)).toEqual(written);
  });
});

function readBySdk(record: {
  headers: Record<string, string>;
  value: string | Buffer;
  key: string;
}): CloudEvent<unknown> {
  return CloudEventsKafka.toEvent({ ...record, body: record.value }) as CloudEvent<unknown>;
}

/** Writes a message to a new topic and reads it back, with nothing of ours but the codec. */
async function roundTrip(
  kafka: Kafka,
  topic: string,
  written: PlatformMessage,
): Promise<{ headers: Record<string, Buffer>; value: Buffer }> {
  const [admin, producer, consumer] = [kafka.admin(), kafka.producer(), kafka.consumer({ groupId: topic })];
  onTestFinished(async () => {
    await consumer.disconnect();
    await admin.deleteTopics({ topics: [topic] }).catch(() => undefined);
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const { headers, value } = encodeMessage(written);
  await producer.send({ topic, messages: [{ key: 'lot-7', headers: { ...headers }, value }] });
  await consumer.subscribe({ topic, fromBeginning: true });
  return new Promise((resolve, reject) => {
    const eachMessage = async ({
      message: { headers: read, value: bytes },
    }: {
      message: { headers?: object; value: Buffer | null };
    }) => resolve({ headers: { ...read }, value: bytes! });
    consumer.run({ eachMessage }).catch(reject);
  });
}
