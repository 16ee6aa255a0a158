import {
  CommandAddress,
  Create,
  Created,
  Delete,
  Deleted,
  Get,
  KafkaSocketClient,
  List,
  Update,
  Updated,
} from '../lib/client/index.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { BACKENDS, shared, startApp } from './support/app.js';
import { lots } from './support/lots.js';

/** A client that asks by classes, at a real gateway; the service behind it has handlers that nobody wrote. */
describe.each(BACKENDS)('a client that shares an entity with its service, on %s,', (backend) => {
  async function start(content: 'data' | 'metadata' = 'data') {
    const house = lots();
    const gateway = { topics: [house.topic], broadcast: { 'Lot.*': content } };
    const { url } = await startApp({ ...shared(backend), gateway }, house.providers);
    const connect = () => {
      const client = new KafkaSocketClient(url, { WebSocket });
      onTestFinished(() => client.close());
      return client;
    };
    return { ...house, connect };
  }

  it('makes, changes and takes away, and everyone hears of each once', async () => {
    const { Lot, connect } = await start();
    const [ann, bob] = [connect(), connect()];
    const heard: unknown[] = [];
    bob.on(Created(Lot), (lot, { type, key }) => heard.push([type, key === lot.id, lot.title]));
    bob.on(Updated(Lot), (lot, { type, key }) => heard.push([type, key === lot.id, lot.title, lot.version]));
    bob.on(Deleted(Lot), (lot, { type, key }) => heard.push([type, key === lot.id, lot.version]));
    await bob.ready();

    const { id, version } = await ann.send(Create(Lot), { title: 'Jar', reserve: 1 });
    const changes = ['Chair', 'Astrolabe'].map((title) => ann.send(Update(Lot), { id, version, title }));
    const [first, second] = await Promise.allSettled(changes);
    await bob.send(Delete(Lot), { id, version: 2 });

    expect(first).toMatchObject({ status: 'fulfilled', value: { version: 2, title: 'Chair' } });
    const conflict = { status: 'rejected', code: 'VERSION_CONFLICT', value: { version: 2 } };
    expect(second).toMatchObject({ reason: conflict });
    await expect(ann.send(Get(Lot), { id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await ann.send(List(Lot), {})).toEqual({ items: [] });
    await expect
      .poll(() => heard)
      .toEqual([
        ['Lot.Created', true, 'Jar'],
        ['Lot.Updated', true, 'Chair', 2],
        ['Lot.Deleted', true, 2],
      ]);
  });
});

describe('a client', () => {
  it('hears that an entity changed and nothing of what it holds, where only metadata is broadcast', async () => {
    const house = lots();
    const gateway = { topics: [house.topic], broadcast: { 'Lot.*': 'metadata' as const } };
    const { url } = await startApp({ ...shared('memory'), gateway }, house.providers);
    const client = new KafkaSocketClient(url, { WebSocket });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    client.on(Created(house.Lot), (lot, { key }) => heard.push([lot, key]));
    await client.ready();

    const { id } = await client.send(Create(house.Lot), { title: 'Jar' });

    await expect.poll(() => heard).toEqual([[undefined, id]]);
  });

  it('cannot send a class that says nowhere where it goes', async () => {
    class Lost {}
    @CommandAddress('nowhere', 'Found')
    class Found {}
    const client = new KafkaSocketClient('ws://127.0.0.1:1/socket', { WebSocket });
    client.close();

    await expect(client.send(Lost, {})).rejects.toMatchObject({ code: 'class_unaddressed' });
    await expect(client.send(Found, {})).rejects.toMatchObject({ topic: 'nowhere', command: 'Found' });
  });
});
