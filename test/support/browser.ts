import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

/** Debian's; the set-up of `npm test` installs it. */
const EXECUTABLE = '/usr/bin/chromium';
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Catches a hang only. */
const LIMIT_MS = 120_000;

/**
 * A headless Chromium with an empty profile of its own. Errors of its pages (a thrown exception, a
 * line of console.error, a request that failed) are collected in `errors`.
 */
export class Browser {
  readonly errors: string[] = [];

  private constructor(
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async start(): Promise<Browser> {
    const profile = mkdtempSync(path.join(tmpdir(), 'sledge-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: EXECUTABLE,
      headless: true,
      chromiumSandbox: false,
      args: FLAGS,
      timeout: LIMIT_MS,
    });
    context.setDefaultTimeout(LIMIT_MS);
    return new Browser(context, profile);
  }

  /** @param url http:, or file: for a report on disk */
  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('requestfailed', (request) => this.errors.push(`failed: ${request.url()}`));
    await page.goto(url);
    return page;
  }

  async stop(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
