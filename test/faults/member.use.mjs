// What a member holds: asked for at `/use`, after the garbage was collected.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Controller, Get } from '@nestjs/common';
import { decorate } from '../support/member.application.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
/** After the first one. */
const COLLECTIONS = 3;

export class Use {
  async get() {
    collect();
    // What a collection finalises, such as buffers, is free after the next one.
    for (let again = 0; again < COLLECTIONS; again++) {
      await nextTurn();
      collect();
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const resources = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    const { Timeout: timers = 0, ...handles } = resources;
    const count = Object.values(handles).reduce((sum, one) => sum + one, 0);
    return { pid: process.pid, heap: heapUsed + external, rss, timers, handles: count, resources };
  }
}
Controller('use')(Use);
decorate(Use, 'get', Get());
