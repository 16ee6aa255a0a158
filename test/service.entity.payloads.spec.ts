import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Create, Delete, Get, List, Update } from '../lib/entity/generic.command.js';
import type { PayloadClass } from '../lib/entity/payload.class.js';
import { house, type lots } from './support/lots.js';

const ID = randomUUID();

describe('the payload of a generic command', () => {
  it.each<[string, (lot: ReturnType<typeof lots>['Lot']) => PayloadClass, unknown, string]>([
    ['lacks what a new one needs', Create, { reserve: 5 }, 'title'],
    ['holds what its class does not allow', Create, { title: '' }, 'title'],
    ['brings a version into the world', Create, { title: 'Jar', version: 5 }, 'version'],
    ['has an id of another kind', Create, { id: 'seven', title: 'Jar' }, 'id'],
    ['sets what no client can set', Create, { title: 'Jar', soldTo: 'me' }, 'soldTo'],
    ['changes what no client can set', Update, { id: ID, version: 1, state: 'closed' }, 'state'],
    ['sets what there is not', Create, { title: 'Jar', colour: 'red' }, 'colour'],
    ['changes what there is not', Update, { id: ID, version: 1, colour: 'red' }, 'colour'],
    ['changes something into nothing', Update, { id: ID, version: 1, title: null }, 'title'],
    ['names no version', Update, { id: ID, title: 'Jar' }, 'version'],
    ['names a version that cannot be', Delete, { id: ID, version: 1.5 }, 'version'],
    ['names nobody', Get, {}, 'id'],
    ['names somebody by an object', Get, { id: { $ne: '' } }, 'id'],
    ['deletes with a title', Delete, { id: ID, version: 1, title: 'Jar' }, 'title'],
    ['asks for more than a page', List, { limit: 101 }, 'limit'],
    ['asks for no page', List, { limit: 0 }, 'limit'],
    ['has a cursor of another kind', List, { cursor: 7 }, 'cursor'],
    ['filters by what there is not', List, { where: { colour: 'red' } }, 'where.colour'],
    ['filters by what is not allowed', List, { where: { reserve: 'much' } }, 'where.reserve'],
    ['filters by an operator', List, { where: { title: { $ne: '' } } }, 'where.title'],
    ['filters by a list', List, { where: [] }, 'where'],
    ['asks for something else', List, { order: 'title' }, 'order'],
  ])('is invalid where it %s', async (_what, command, payload, path) => {
    const { Lot, send } = await house();

    const told = await send(command(Lot), payload);

    expect(told).toMatchObject({
      status: 'invalid',
      errors: expect.arrayContaining([expect.objectContaining({ path })]),
    });
  });

  it('reaches no prototype', async () => {
    const { Lot, send } = await house();
    const made = await send(Create(Lot), JSON.parse('{"title":"Jar","__proto__":{"soldTo":"me"}}'));
    const told = await send(Create(Lot), JSON.parse('{"title":"Jar","constructor":{"prototype":{"soldTo":"me"}}}'));

    expect(made).toEqual({ status: 'success', value: expect.not.objectContaining({ soldTo: 'me' }) as unknown });
    expect(told).toMatchObject({ status: 'invalid', errors: [{ path: 'constructor' }] });
    expect(new Lot().soldTo).toBeUndefined();
  });
});
