import { Logger } from '@nestjs/common';
import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LogUnavailableError, MissingTopicsError } from '../lib/log/log.errors.js';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';

describe('a topic of handlers that does not exist, and may not be created', () => {
  it.each(['', '.dlq'])('stops the start of an application that is no gateway ("<topic>%s")', async (suffix) => {
    const { topic, Bidding } = auction();
    const log = new MemoryMessageLog();
    log.ensureTopics = async (topics) => {
      if (topics.includes(topic + suffix)) throw new MissingTopicsError('Topics are missing.');
    };
    await expect(launchApp({ log }, [Bidding])).rejects.toMatchObject({ code: 'topics_missing' });
  });
});

describe('an application that stops while its handlers join their group', () => {
  it('does not wait for that, and says goodbye to its clients', async () => {
    const { topic, Bidding } = auction();
    const log = new MemoryMessageLog();
    const asked = vi.fn();
    log.consume = () => {
      asked();
      return new Promise(() => undefined);
    };
    const { url, stop } = await launchApp({ log, gateway: { topics: [topic] } }, [Bidding]);
    const client = await RawClient.welcome(url);
    await vi.waitUntil(() => asked.mock.calls.length === 1);

    const begun = performance.now();
    await stop();

    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(await client.closed).toMatchObject({ code: 4001 });
  });
});

describe('a trouble that lasts', () => {
  it('is told once, and not at every attempt', async () => {
    const { topic, Bidding } = auction();
    const lines = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    onTestFinished(() => lines.mockRestore());
    const log = new MemoryMessageLog();
    const consume = log.consume.bind(log);
    let attempts = 0;
    log.consume = async (...given) => {
      if (attempts++ < 2) throw new LogUnavailableError('No broker answers.', false);
      return consume(...given);
    };

    await startApp({ log, gateway: { topics: [topic] } }, [Bidding]);

    expect(attempts).toBe(3);
    expect(lines.mock.calls).toEqual([['No broker answers. Not ready; trying again.']]);
  });
});
