import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from 'vitest';
import type * as Client from '../lib/client/index.js';
import { bundleClient } from './support/client.bundle.js';
import { chromiumArguments } from './support/chromium.js';
import { describeWithChromium } from './support/real.parts.js';
import { ScriptedGateway, type ScriptedSocket } from './support/scripted.gateway.js';

/** What the page under test has in its window. */
interface PageGlobals {
  client: Client.KafkaSocketClient;
  /** What the client's random numbers are: 1, the longest pause; 0, none. */
  chance: number;
}

/** Pings are far apart: what is noticed here is noticed by other signs. */
const WELCOME = { positions: { auction: { 0: '9' } }, heartbeat: { interval: 600_000, timeout: 1_000 } };

describeWithChromium('the client in a browser', { timeout: 60_000 }, () => {
  let browser: Browser;
  let page: Page;
  let context: BrowserContext;
  let gateway: ScriptedGateway;
  let socket: ScriptedSocket;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: inject('chromiumPath'),
      args: chromiumArguments,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    });
  });
  afterAll(() => browser?.close());

  /** Somebody has a page open whose client is live. */
  async function open(): Promise<void> {
    gateway = await ScriptedGateway.start();
    context = await browser.newContext();
    onTestFinished(() => context.close());
    page = await context.newPage();
    await page.goto(await startSite(gateway.url));
    socket = await welcomed();
    await inState('live');
  }

  async function welcomed(): Promise<ScriptedSocket> {
    const next = await gateway.next();
    next.welcome(WELCOME);
    for (const topic of Object.keys(next.hello.positions ?? {})) {
      next.send('recovered', { topic, complete: true, count: 0 });
    }
    return next;
  }

  async function inState(state: Client.ConnectionState): Promise<void> {
    await page.waitForFunction((wanted) => (globalThis as unknown as PageGlobals).client.state === wanted, state);
  }

  it('opens what is sealed for it', async () => {
    await open();
    const value = page.evaluate(() => {
      return (globalThis as unknown as PageGlobals).client.send('auction', 'PlaceBid', { name: 'Größe £' });
    });
    const request = await socket.next('request');
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 'Größe £' });

    expect(request.payload).toEqual({ name: 'Größe £' });
    expect(await value).toBe('Größe £');
  });

  it('notices a network that is gone though nothing closes the socket, and comes back with it', async () => {
    await open();
    await context.setOffline(true);
    await inState('waiting'); // for ten minutes, by the chance that it has
    await page.evaluate(() => ((globalThis as unknown as PageGlobals).chance = 0));
    await context.setOffline(false);
    socket = await welcomed();
    await inState('live');

    expect(socket.hello.positions).toEqual(WELCOME.positions);
  });

  it('comes back with a page that comes out of the back/forward cache', async () => {
    await open();
    await page.evaluate(() => ((globalThis as unknown as PageGlobals).chance = 0));
    await page.goto(`${new URL(page.url()).origin}/elsewhere`);
    void page.goBack({ waitUntil: 'commit' }).catch(() => undefined); // playwright knows no page that is not loaded
    const next = await welcomed();
    const restored = next.hello.sessionId === socket.hello.sessionId;

    // Browsers that keep no page with a socket load it anew: another client, which missed nothing.
    expect(next.hello.positions).toEqual(restored ? WELCOME.positions : undefined);
    expect(await next.seen()).toEqual([]);
  });
});

/** Serves a page with a client, and another one without, until the test ends. Resolves with the address of the first. */
async function startSite(gatewayUrl: string): Promise<string> {
  const { code } = await bundleClient();
  const script = `
    var chance = 1;
    var client = new KafkaSocket.KafkaSocketClient('${gatewayUrl}', {
      random: () => chance, reconnect: { minimum: 600000, maximum: 600000 },
    });`;
  const html = `<!doctype html><title>client</title><script>${code.replaceAll('</', '<\\/')}${script}</script>`;
  const server = createServer(({ url }, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(url === '/' ? html : '<!doctype html><title>elsewhere</title>');
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
