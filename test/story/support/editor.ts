import { mkdir } from 'node:fs/promises';
import type { Browser, BrowserContext, Frame, Locator, Page } from 'playwright-core';

const shots = 'dist/screenshots';

/** VS Code in a browser, used as a person uses it: by keyboard, by clicking, by reading. */
export class Editor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #url: string;

  private constructor(page: Page, context: BrowserContext, url: string) {
    this.page = page;
    this.context = context;
    this.#url = url;
  }

  /** Opens the workbench in a profile of its own, or as another window of the same browser profile. */
  static async open(browser: Browser, url: string, same?: Editor): Promise<Editor> {
    const context =
      same?.context ??
      (await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const editor = new Editor(page, context, url);
    await page.goto(url, { timeout: 60_000 });
    await editor.painted();
    return editor;
  }

  async painted(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.activitybar').waitFor({ timeout: 60_000 });
    await this.page.locator('.statusbar-item').first().waitFor();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.painted();
  }

  /** Of a window that is reloaded within seconds, VS Code may not have kept that its panel was shown. */
  async showPanel(): Promise<void> {
    if (!(await this.page.locator('.part.panel').isVisible()))
      await this.run('View: Toggle Panel Visibility');
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  /** Runs a command by its title from the palette. */
  async run(title: string): Promise<void> {
    await this.page
      .locator('.monaco-workbench')
      .click({ position: { x: 640, y: 3 } })
      .catch(() => undefined);
    await this.page.keyboard.press('F1');
    await this.input.waitFor();
    await this.input.fill(`>${title}`);
    await this.pick(title);
  }

  /** The field of the quick input that is open. */
  get input(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input').first();
  }

  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  /** Waits until the quick input's title says this. */
  async title(text: RegExp): Promise<void> {
    await this.page
      .locator('.quick-input-widget:visible .quick-input-title')
      .filter({ hasText: text })
      .waitFor();
  }

  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  get rows(): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row');
  }

  /** Chooses the row whose label begins like this. */
  async pick(text: string): Promise<void> {
    const begins = new RegExp(`^${text.replace(/[^\w\s]/g, '\\$&')}`);
    const label = this.page.locator('.label-name', { hasText: begins });
    await this.rows.filter({ has: label }).first().click();
  }

  /** A notification that holds this text, as a toast or in the centre. */
  notification(text: string | RegExp): Locator {
    return this.page.locator('.notification-list-item').filter({ hasText: text });
  }

  async answer(text: string | RegExp, button: string): Promise<void> {
    const notification = this.notification(text).first();
    await notification.waitFor();
    await notification.getByRole('button', { name: button }).click();
  }

  /** Opens our container in the side bar. */
  async openSidebar(): Promise<void> {
    const tab = this.page
      .locator('.activitybar .action-item')
      .filter({ has: this.page.locator('[aria-label^="Daypass"]') });
    const label = this.page.locator('.activitybar .action-label[aria-label^="Daypass"]').first();
    await tab.first().waitFor();
    if (
      !(await this.page
        .locator('.sidebar .composite.title')
        .getByText('Daypass')
        .isVisible()
        .catch(() => false))
    )
      await label.click();
  }

  get sidebar(): Locator {
    return this.page.locator('.part.sidebar');
  }

  statusBar(text: string | RegExp): Locator {
    return this.page.locator('.statusbar-item').filter({ hasText: text });
  }

  /** The session view's own document; it lives in a frame within a frame. */
  async sessionFrame(): Promise<Frame> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      for (const frame of this.page.frames())
        if (
          await frame
            .locator('main#cards')
            .count()
            .catch(() => 0)
        )
          return frame;
      if (Date.now() > deadline) throw new Error('The session view did not appear.');
      await this.page.waitForTimeout(100);
    }
  }

  /** The document of the review that is in front, once there is something to see in it. */
  async review(): Promise<Frame> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      for (const frame of this.page.frames())
        if (
          await frame
            .locator('main#review h1')
            .isVisible()
            .catch(() => false)
        )
          return frame;
      if (Date.now() > deadline) throw new Error('No review appeared.');
      await this.page.waitForTimeout(50);
    }
  }

  /** Presses what decides in the review that is in front, once it may be pressed. */
  async decide(button: 'Approve' | 'Deny' | RegExp): Promise<void> {
    const review = await this.review();
    const name = typeof button === 'string' ? new RegExp(`^${button}`) : button;
    const ready = review.locator('button[data-do][aria-disabled="false"]');
    await ready.and(review.getByRole('button', { name })).first().click();
  }

  /** What the active terminal shows at the moment. */
  async terminalText(): Promise<string> {
    const rows = this.page.locator(
      '.terminal-wrapper.active .xterm-rows > div, .editor-instance .terminal-wrapper .xterm-rows > div',
    );
    const lines = await rows.allTextContents();
    return lines
      .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Waits until the active terminal shows it. */
  async terminalShows(text: string | RegExp, withinMs = 20_000): Promise<string> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const shown = await this.terminalText();
      if (typeof text === 'string' ? shown.includes(text) : text.test(shown)) return shown;
      if (Date.now() > deadline) throw new Error(`The terminal does not show ${String(text)}:\n${shown}`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Types into the active terminal and presses Enter. */
  async type(text: string): Promise<void> {
    await this.page.locator('.terminal-wrapper.active .xterm-helper-textarea').first().focus();
    await this.page.keyboard.type(text, { delay: 2 });
    await this.page.keyboard.press('Enter');
  }

  /** The tabs of the terminal panel, by their names. */
  terminalTab(text: string | RegExp): Locator {
    return this.page
      .locator('.terminal-tabs-entry, .single-terminal-tab, .part.panel .title-actions .action-label')
      .filter({ hasText: text });
  }

  async theme(name: 'dark' | 'light' | 'high contrast'): Promise<void> {
    const label = { dark: 'Dark Modern', light: 'Light Modern', 'high contrast': 'Dark High Contrast' }[name];
    await this.run('Preferences: Color Theme');
    await this.input.waitFor();
    await this.input.fill(label);
    await this.rows.filter({ hasText: label }).first().waitFor();
    await this.page.keyboard.press('Enter');
    await this.page.waitForTimeout(300);
  }

  async screenshot(name: string): Promise<void> {
    await mkdir(shots, { recursive: true });
    // What fades in has faded in.
    await this.page.screenshot({ path: `${shots}/${name}.png`, animations: 'disabled' });
  }

  /**
   * Signs in on the page that VS Code opens, as whoever is named on it. `start` is what makes it open.
   */
  async signInAs(firstName: string, start: () => Promise<unknown>): Promise<void> {
    const opened = this.context.waitForEvent('page', { timeout: 30_000 });
    await start();
    const page = await opened;
    await page
      .getByRole('button', { name: new RegExp(firstName) })
      .first()
      .click();
    await page.getByText('You are signed in').first().waitFor();
    await page.close();
  }

  /** The same with a second factor: the code that the sandbox's page shows. */
  async signInWithCode(firstName: string, start: () => Promise<unknown>, picture?: string): Promise<void> {
    const opened = this.context.waitForEvent('page', { timeout: 30_000 });
    await start();
    const page = await opened;
    const name = page.getByRole('button', { name: new RegExp(firstName) }).first();
    const field = page.getByRole('textbox', { name: 'Code' });
    await name.or(field).first().waitFor();
    if (await name.isVisible()) await name.click();
    await field.waitFor();
    if (picture !== undefined) await page.screenshot({ path: `${shots}/${picture}.png` });
    await field.fill((await page.locator('output').innerText()).replace(/\D/g, ''));
    await page.keyboard.press('Enter');
    await page.getByText('You are signed in').first().waitFor();
    await page.close();
  }

  get url(): string {
    return this.#url;
  }
}
