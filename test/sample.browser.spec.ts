import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chromiumArguments } from './support/chromium.js';
import { describeWithChromium } from './support/real.parts.js';
import { type RunningSample, startEmbedded, startSplit } from './support/running.sample.js';
import { SamplePage } from './support/sample.page.js';

describeWithChromium('the page of the sample', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: inject('chromiumPath'), args: chromiumArguments });
  });
  afterAll(() => browser?.close());

  describe.each([
    ['on the embedded log', startEmbedded],
    ['on Kafka and Redis, gateway and service as two processes', startSplit],
  ])('%s', { timeout: 60_000 }, (_place, start) => {
    let sample: RunningSample;
    const visitor = () => SamplePage.open(browser, sample.url);
    beforeAll(async () => {
      sample = await start();
    }, 120_000);
    afterAll(() => sample?.stop());

    it('tells a bidder the result, and everyone the bid', async () => {
      const [ann, bob] = [await visitor(), await visitor()];

      await ann.bid(7, 120);

      await ann.shows('answer-7', 'You lead with €120.');
      await ann.shows('holder-7', 'you lead');
      await bob.shows('leading-7', '€120');
      await bob.shows('holder-7', 'another leads');
      expect(await bob.text('answer-7')).toContain('Your result will stand here');
    });

    it('refuses a bid that is too low, to its bidder alone', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await ann.bid(12, 100);
      await bob.shows('leading-12', '€100');

      await bob.bid(12, 100);

      await bob.shows('answer-12', 'The leading bid is 100; bid more.');
      await bob.bid(12, 110); // a marker: what the refused bid might have caused would stand before it
      await ann.shows('leading-12', '€110');
      expect(await ann.room(12)).toMatchObject([{ text: '€110 bid' }, { text: '€100 bid' }]);
    });

    it('says what is wrong with a bid that makes no sense', async () => {
      const ann = await visitor();

      await ann.bid(7, -5);

      await ann.shows('answer-7', 'amount must be a positive number');
    });

    it('shows a newcomer the bids of before', async () => {
      const ann = await visitor();
      await ann.bid(7, 1_000);
      await ann.shows('answer-7', 'You lead');

      const bob = await visitor();

      await bob.shows('leading-7', '€1,000');
      await bob.shows('holder-7', 'another leads');
    });

    it('fetches a reserve, of which it hears only that it changed', async () => {
      const [ann, bob] = [await visitor(), await visitor()];

      await ann.setReserve(12, 750);

      await bob.shows('reserve-12', 'reserve €750');
      await bob.shows('journal', 'GetReserve');
      const newcomer = await visitor();
      await newcomer.shows('reserve-12', 'reserve €750');
    });

    it('puts up a lot, retitles it and withdraws it, before everyone’s eyes', async () => {
      const [ann, bob] = [await visitor(), await visitor()];

      await ann.putUp('Brass Sextant', 'Brass, 1790');
      await ann.shows('new-answer', 'It is lot 35.');
      await bob.shows('lot-35', 'Brass Sextant');
      await bob.bid(35, 90);
      await ann.shows('leading-35', '€90');

      await bob.press('edit-open-35');
      await ann.retitle(35, 'Sextant of a Whaler');
      await ann.shows('answer-35', 'It has its new title.');
      await bob.shows('lot-35', 'Sextant of a Whaler');
      await bob.fill('edit-title-35', 'Sextant of a Pirate');
      await bob.press('edit-save-35');
      await bob.shows('answer-35', 'Somebody else changed it meanwhile');
      await ann.shows('lot-35', 'Sextant of a Whaler');
      await bob.press('edit-save-35'); // now that they have seen it
      await ann.shows('lot-35', 'Sextant of a Pirate');
      const newcomer = await visitor();
      await newcomer.shows('lot-35', 'Sextant of a Pirate');

      await newcomer.press('edit-open-35');
      await newcomer.press('withdraw-35');

      for (const one of [ann, bob, newcomer]) await one.at('lot-35').waitFor({ state: 'detached' });
      expect(await ann.room(35)).toMatchObject(
        ['Withdrawn', 'Retitled', 'Retitled', '€90 bid', 'Put up'].map((text) => ({ text })),
      );
    });

    it('says what is wrong with a lot that makes no sense', async () => {
      const ann = await visitor();

      await ann.putUp('', '');

      await ann.shows('new-answer', 'title must be longer than or equal to 1 characters');
    });

    it('does not sell below the reserve', async () => {
      const ann = await visitor();
      await ann.setReserve(21, 200);
      await ann.shows('answer-21', 'The reserve is €200.');
      await ann.bid(21, 10);
      await ann.shows('answer-21', 'You lead with €10.');

      await ann.press('settle-21');

      await ann.shows('answer-21', 'does not meet the reserve');
      await ann.shows('holder-21', 'you lead');
    });

    it('settles a lot through two services', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await ann.bid(7, 2_000);
      await ann.shows('answer-7', 'You lead');

      await bob.press('settle-7');

      await bob.shows('answer-7', /Sold to bidder \w+ for €2,000/);
      await ann.shows('leading-7', 'sold €2,000');
      await ann.shows('holder-7', 'to you');
      await bob.lights('payment');
      const newcomer = await visitor();
      await newcomer.shows('leading-7', 'sold €2,000');
      await newcomer.shows('holder-7', 'to another');
      await newcomer.press('settle-7');
      await newcomer.shows('answer-7', 'Lot 7 is sold already, for 2000.');
    });

    it('draws the path of a request', async () => {
      const ann = await visitor();

      await ann.bid(7, 3_000);

      for (const station of ['browser', 'gateway', 'kafka', 'service', 'everyone']) await ann.lights(station);
      await ann.shows('steps', /Kafka has it.*auction\/\d+@\d+/);
      await ann.shows('steps', 'Your browser opens it: success');
    });

    it('tells that time is out while the service is paused, and never places the bid', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await ann.press('pause');
      await ann.shows('pause', 'asleep');

      await ann.bid(21, 500);

      await ann.shows('answer-21', 'No answer in time');
      for (const station of ['timer', 'dead']) await ann.lights(station);
      await ann.shows('pause', 'Pause the service');
      await ann.bid(21, 50);
      await ann.shows('answer-21', 'You lead with €50.');
      await bob.shows('leading-21', '€50');
      expect(await bob.room(21)).toEqual([{ text: '€50 bid', caughtUp: false }]);
    });

    it('catches up on what it missed while the connection was cut, once and in order', async () => {
      const [ann, bob] = [await visitor(), await visitor()];
      await bob.bid(34, 100);
      await ann.shows('leading-34', '€100');
      await ann.press('cut');
      await ann.shows('connection', 'cut off');

      await bob.bid(34, 110);
      await bob.shows('answer-34', 'You lead with €110.');
      await bob.bid(34, 120);
      await bob.shows('answer-34', 'You lead with €120.');
      expect(await ann.text('leading-34')).toBe('€100');
      await ann.press('reconnect');

      await ann.shows('leading-34', '€120');
      await ann.shows('caught-up', 'Caught up on 2 messages');
      await bob.bid(34, 130);
      await ann.shows('leading-34', '€130');
      expect(await ann.room(34)).toEqual([
        { text: '€130 bid', caughtUp: false },
        { text: '€120 bid', caughtUp: true },
        { text: '€110 bid', caughtUp: true },
        { text: '€100 bid', caughtUp: false },
      ]);
    });
  });
});
