import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { chromiumArguments } from './support/chromium.js';
import { describeWithChromium } from './support/real.parts.js';
import { SamplePage } from './support/sample.page.js';
import { SampleProcess } from './support/sample.process.js';

describeWithChromium('the page of the sample, looked at closely', { timeout: 60_000 }, () => {
  let browser: Browser;
  let sample: SampleProcess;
  const visitor = () => SamplePage.open(browser, sample.url);
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: inject('chromiumPath'), args: chromiumArguments });
    sample = await SampleProcess.start();
  });
  afterAll(async () => {
    await browser?.close();
    await sample?.stop();
  });

  describe('the picture of a request', () => {
    it('ends in the browser where the request never left it', async () => {
      const ann = await visitor();
      await ann.press('cut');

      await ann.bid(34, 99);

      await ann.shows('answer-34', 'it never left this page');
      await ann.shows('steps', 'It never left your browser');
      expect(await ann.lit()).toEqual(['browser']);
      await ann.shows('journal', 'never_sent');
      // Meanwhile the client tried to connect several times.
      expect(ann.complaints).toEqual([]);
    });

    it('lights the dead letters where the service threw', async () => {
      const ann = await visitor();

      await ann.work({ fail: 'throw' });

      await ann.lights('dead');
      await ann.shows('steps', 'Your browser opens it: failed');
    });

    it('leaves the dead letters dark where the service rejects', async () => {
      const ann = await visitor();

      await ann.work({ fail: 'reject' });

      await ann.shows('steps', 'Your browser opens it: rejected');
      expect(await ann.lit()).not.toContain('dead');
    });

    it('writes the names of events within their cells', async () => {
      const ann = await visitor();
      await ann.setReserve(12, 500);
      await ann.shows('steps', 'Reserve.Changed goes to everyone');

      const overlaps = await ann.at('path-map').evaluate((map) =>
        [...map.querySelectorAll<SVGGElement>('.cell.lit')].flatMap((cell) => {
          const { x, width } = cell.querySelector('rect')!.getBBox();
          return [...cell.querySelectorAll('text')]
            .map((text) => ({ text: text.textContent, box: text.getBBox() }))
            .filter(({ box }) => box.x < x + 4 || box.x + box.width > x + width - 4)
            .map(({ text }) => text);
        }),
      );
      expect(overlaps).toEqual([]);
    });
  });

  describe('a field', () => {
    it.each(['12,5', '', 'ten', '1e400'])('refuses "%s" as an amount, in words and without asking', async (text) => {
      const ann = await visitor();

      await ann.bid(12, text);

      await ann.shows('answer-12', 'without commas');
      expect(await ann.text('journal')).not.toContain('PlaceBid');
    });

    it.each([
      ['ms', 'abc'],
      ['ms', '-1'],
      ['ttl', 'abc'],
      ['ttl', '-1'],
      ['ttl', '0'],
    ])('refuses %s = "%s", in words and without asking', async (name, text) => {
      const ann = await visitor();

      await ann.work({ [name]: text });

      await ann.shows('work-problem', `“${text}” is not a number of milliseconds`);
      expect(await ann.at(`work-${name}`).getAttribute('aria-invalid')).toBe('true');
      expect(await ann.text('journal')).not.toContain('Work');
    });

    it.each(['light', 'dark'] as const)('stands out from what is around it, %s', async (colorScheme) => {
      const ann = await visitor();
      await ann.page.emulateMedia({ colorScheme });

      const colours = await ann.at('work-ms').evaluate((field) => {
        const { borderTopColor, backgroundColor } = getComputedStyle(field);
        const around = getComputedStyle(field.closest('.panel')!).backgroundColor;
        return { border: borderTopColor, inside: backgroundColor, around };
      });

      expect(contrast(colours.border, colours.inside)).toBeGreaterThanOrEqual(3);
      expect(contrast(colours.border, colours.around)).toBeGreaterThanOrEqual(3);
    });
  });

  it('has names for its buttons that tell the lots apart', async () => {
    const ann = await visitor();

    for (const name of ['Bid for Moon Jar', 'Settle Moon Jar', 'Reserve for Moon Jar']) {
      expect(await ann.page.getByRole('button', { name, exact: true }).count()).toBe(1);
    }
  });

  it('leaves the focus on the button that paused the service', async () => {
    const ann = await visitor();
    await ann.at('pause').focus();

    await ann.page.keyboard.press('Enter');

    await ann.shows('pause', 'asleep');
    expect(await ann.at('pause').evaluate((button) => button === document.activeElement)).toBe(true);
    await ann.shows('pause', 'Pause the service'); // the next visitors find it awake
  });

  it('keeps the rows of its journal when another one comes', async () => {
    const ann = await visitor();
    await ann.shows('journal', 'success'); // the page's own questions
    const first = await ann.at('request').first().elementHandle();
    const before = await ann.at('request').count();

    await ann.work({});

    await expect.poll(() => ann.at('request').count()).toBe(before + 1);
    expect(await first.evaluate((row) => row.isConnected)).toBe(true);
  });

  it('begins anew where the log is another one', async () => {
    const own = await SampleProcess.start();
    onTestFinished(() => own.stop());
    const ann = await SamplePage.open(browser, own.url);
    await ann.bid(7, 120);
    await ann.shows('leading-7', '€120');

    await own.halt();
    await own.restart();

    await ann.shows('leading-7', '—');
    await ann.bid(7, 50);
    await ann.shows('leading-7', '€50');
  });
});

/** Of two colours such as `rgb(1, 2, 3)`, after WCAG 2. */
function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = (colour.match(/[\d.]+/g) ?? [])
    .map((part) => Number(part) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
