import type { Browser, Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';

/** Somebody with the sample's page open. */
export class SamplePage {
  /** What the page and the browser complain of: errors, and warnings in the console. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (['warning', 'error'].includes(message.type())) this.complaints.push(message.text());
    });
  }

  /** Opens the page as a new visitor and waits until it is live; it closes when the test ends. */
  static async open(browser: Browser, url: string): Promise<SamplePage> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    context.setDefaultTimeout(15_000); // below the test's own limit, so that the failure says what was waited for
    const visitor = new SamplePage(await context.newPage());
    await visitor.page.goto(url);
    await visitor.shows('connection', 'live');
    expect(visitor.complaints).toEqual([]);
    return visitor;
  }

  /** Bids as a person does; what comes of it is told by `answer-<lot>`. */
  async bid(lot: number, amount: number | string): Promise<void> {
    await this.fill(`bid-amount-${lot}`, amount);
    await this.press(`bid-${lot}`);
  }

  async setReserve(lot: number, amount: number): Promise<void> {
    await this.press(`reserve-open-${lot}`);
    await this.fill(`reserve-amount-${lot}`, amount);
    await this.press(`reserve-save-${lot}`);
  }

  async putUp(title: string, maker: string): Promise<void> {
    await this.fill('new-title', title);
    await this.fill('new-maker', maker);
    await this.press('new-lot');
  }

  async retitle(lot: number, title: string): Promise<void> {
    await this.press(`edit-open-${lot}`);
    await this.fill(`edit-title-${lot}`, title);
    await this.press(`edit-save-${lot}`);
  }

  /** Has a lot closed in so many seconds. */
  async endIn(lot: number, seconds: number | string): Promise<void> {
    await this.press(`end-open-${lot}`);
    await this.fill(`end-seconds-${lot}`, seconds);
    await this.press(`end-save-${lot}`);
  }

  /** Gives the service work, which ends as it is told to. */
  async work({ ms = '0', ttl = '3000', fail = '' }: { ms?: string; ttl?: string; fail?: string }): Promise<void> {
    await this.fill('work-ms', ms);
    await this.fill('work-ttl', ttl);
    await this.at('work-fail').selectOption(fail);
    await this.press('work');
  }

  fill(testId: string, value: number | string): Promise<void> {
    return this.at(testId).fill(String(value));
  }

  press(testId: string): Promise<void> {
    return this.at(testId).click();
  }

  /** Waits until a part of the page shows a text. */
  async shows(testId: string, text: string | RegExp): Promise<void> {
    await this.at(testId).filter({ hasText: text }).waitFor();
  }

  /** What a part of the page shows now. */
  async text(testId: string): Promise<string> {
    return (await this.at(testId).textContent()) ?? '';
  }

  /** What the room tells about a lot, newest first, without the times of day. */
  async room(lot: number): Promise<{ text: string; caughtUp: boolean }[]> {
    const rows = await this.at('event')
      .and(this.page.locator(`[data-lot="${lot}"]`))
      .all();
    return Promise.all(
      rows.map(async (row) => ({
        text: (await row.locator('.title').textContent()) ?? '',
        caughtUp: (await row.getAttribute('data-caught-up')) !== null,
      })),
    );
  }

  /** Waits until a station of the map is lit. */
  async lights(station: string): Promise<void> {
    await this.page.locator(`[data-testid="path-map"] [data-station="${station}"].lit`).waitFor();
  }

  /** The stations of the map that are lit now. */
  lit(): Promise<string[]> {
    const stations = this.page.locator('[data-testid="path-map"] .station.lit');
    return stations.evaluateAll((all) => all.map((station) => station.getAttribute('data-station') ?? ''));
  }

  at(testId: string): Locator {
    return this.page.getByTestId(testId);
  }
}
