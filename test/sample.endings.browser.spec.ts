import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chromiumArguments } from './support/chromium.js';
import { describeWithChromium } from './support/real.parts.js';
import { type RunningSample, startEmbedded, startSplit } from './support/running.sample.js';
import { SamplePage } from './support/sample.page.js';

describeWithChromium('the end of a sale, on the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: inject('chromiumPath'), args: chromiumArguments });
  });
  afterAll(() => browser?.close());

  describe('on the embedded log', { timeout: 60_000 }, () => {
    const { visitor } = endsItsSales(startEmbedded);

    it('tells how far work is that is tried again, and its one outcome', async () => {
      const ann = await visitor();

      await ann.work({ ttl: '10000', fail: 'flaky' });

      await ann.shows('journal', /attempt \d of 5/);
      await ann.shows('steps', /Attempt 3 of 5 fails.*made again in [\d,]+ ms, not before/);
      await ann.shows('steps', 'Your browser opens it: success');
      expect((await ann.text('steps')).match(/Attempt \d of 5 fails/g)).toHaveLength(3);
    });

    it('says what is wrong with an end that makes no sense', async () => {
      const ann = await visitor();

      await ann.endIn(34, 'soon');

      await ann.shows('answer-34', '“soon” is not a number of seconds from 0.5 to 3600.');
      await ann.shows('ending-34', 'no end set');
    });
  });

  describe('on Kafka and Redis, gateway and service as two processes', { timeout: 60_000 }, () => {
    const { visitor, withoutService } = endsItsSales(startSplit);

    it('closes a lot whose end came while no service ran', async () => {
      const ann = await visitor();
      await ann.endIn(12, 1.5);
      await ann.shows('answer-12', 'The clock runs, also without this page');

      await withoutService(() => ann.shows('ending-12', 'the hammer falls'));

      await ann.shows('ending-12', 'closed');
      expect((await ann.room(12))[0]).toMatchObject({ text: 'Closed without a bid' });
    });
  });

  function endsItsSales(start: () => Promise<RunningSample>) {
    let sample: RunningSample;
    const visitor = () => SamplePage.open(browser, sample.url);
    beforeAll(async () => {
      sample = await start();
    }, 120_000);
    afterAll(() => sample?.stop());

    it('pays once where the bank fails three times, and tells of each', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await ann.bid(7, 200);
      await ann.shows('answer-7', 'You lead');
      await bob.shows('leading-7', '€200');

      await ann.at('bank-fails').selectOption('3');
      await ann.press('settle-7');

      await bob.shows('ending-7', 'paying, try 4 of 5');
      await ann.shows('answer-7', /Sold to bidder \w+ for €200/);
      await bob.shows('leading-7', 'sold €200');
      await bob.shows('ending-7', 'no end set');
      expect((await bob.room(7)).map(({ text }) => text)).toEqual([
        'Sold for €200',
        'Bank away, try 3 of 5',
        'Bank away, try 2 of 5',
        'Bank away, try 1 of 5',
        '€200 bid',
      ]);
      await ann.press('settle-7'); // a marker, whose path ends behind all that came of the first one
      await ann.shows('answer-7', 'Lot 7 is sold already, for 200.');
      await expect.poll(() => settled(ann)).toEqual(['rejected', 'success']);
    });

    it('closes a lot at its end while others watch, and refuses the bid that is too late', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await ann.bid(21, 300);
      await ann.shows('answer-21', 'You lead');

      await ann.endIn(21, 1.5);

      await bob.shows('ending-21', /ends in 0:0\d|last call/);
      await bob.shows('ending-21', 'closed');
      await ann.shows('leading-21', 'sold €300');
      await ann.shows('holder-21', 'to you');
      await bob.bid(21, 500);
      await bob.shows('answer-21', 'The hammer has fallen for lot 21');
      expect((await bob.room(21)).map(({ text }) => text.replace(/[\d:]{8}$/, '…'))).toEqual([
        'Sold for €300',
        'The hammer falls at €300',
        'Ends at …',
        '€300 bid',
      ]);
      const newcomer = await visitor();
      await newcomer.shows('ending-21', 'closed');
    });

    return { visitor, withoutService: (meanwhile: () => Promise<void>) => sample.withoutService(meanwhile) };
  }
});

/** How the page's own requests to settle ended, newest first. */
function settled(visitor: SamplePage): Promise<(string | undefined)[]> {
  return visitor
    .at('request')
    .filter({ hasText: 'Settle' })
    .evaluateAll((rows: HTMLElement[]) => rows.map((row) => row.dataset.status));
}
