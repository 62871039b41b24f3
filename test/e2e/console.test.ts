import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { LiveSample } from '@sledge/core/host';
import type { Page } from 'playwright-core';
import { request } from 'undici';
import { Browser } from '../support/browser';
import { configOf, root, Server } from './server';

// The real thing: a server under calls, and a browser that looks at it.
const CALLS = 25;
const HOSTILE = '<img src=x onerror="document.title=1">';
const OPERATOR = 'operator-0123456789abcdef';
const READER = 'reader-0123456789abcdef';
const folder = mkdtempSync(path.join(tmpdir(), 'sledge-console-'));
const pictures = process.env.SLEDGE_SCREENSHOTS ?? path.join(root, 'build/screenshots');
let browser: Browser;
let server: Server;
let admin = '';
/** Whom pages have asked for anything. */
const asked = new Set<string>();
/** Of an operator, open all the time. */
let page: Page;

beforeAll(async () => {
  writeFileSync(path.join(folder, 'tokens'), `operator ${OPERATOR}\nreader ${READER}\n`, {
    mode: 0o600,
  });
  mkdirSync(pictures, { recursive: true });
  const late = { name: 'fibonacci', relativeDeadlineUs: 1 };
  const config = configOf([late, 'echo'], {
    workers: { count: 2 },
    admin: { port: 0, tokensFile: 'tokens' },
    dispatcher: 'jsq',
  });
  const [tenant] = config.tenants as { name: string }[];
  (tenant as { name: string }).name = HOSTILE;
  [server, browser] = await Promise.all([Server.start({ config, folder }), Browser.start()]);
  const ready = JSON.parse(readFileSync(server.readyFile, 'utf8')) as { admin: string[] };
  admin = ready.admin[0] ?? '';
  page = await open(OPERATOR);
}, 320_000);

afterAll(async () => {
  await browser?.stop();
  await Server.stopAll();
});

async function open(token: string): Promise<Page> {
  const page = await browser.open('about:blank');
  await page.setViewportSize({ width: 1280, height: 900 });
  page.on('request', (one) => asked.add(new URL(one.url()).origin));
  await page.goto(admin);
  await page.waitForSelector('#sign-in:not([hidden])');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#board:not([hidden])');
  return page;
}

/** The cell of a row and a column, by their heads. */
function cell(row: string, column: string): string {
  return `(() => {
    const table = document.getElementById('function-table');
    const at = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === '${column}');
    const isIt = (r) => r.cells[0].textContent.endsWith('/${row}');
    const found = [...table.tBodies[0].rows].find(isIt);
    return found?.cells[at]?.textContent;
  })()`;
}

const is = (expression: string, value: string) => `${expression} === ${JSON.stringify(value)}`;

/** The page's own policy forbids the polling of playwright, which evaluates text. */
async function until(page: Page, expression: string): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await page.evaluate(expression))) {
    if (Date.now() > limit) throw new Error(`it never became so: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function call(name: string): Promise<void> {
  const answer = await request(`${server.url}/${name}`);
  await answer.body.dump();
}

/** A page without the right to do a thing is told so; that is a line on its console. */
function realErrors(): string[] {
  return browser.errors.splice(0).filter((text) => !/status of (401|403)/.test(text));
}

test('what was called is what the page shows, and a hostile name stays text', async () => {
  for (let at = 0; at < CALLS; at += 1) await call('fibonacci?12');
  await until(page, is(cell('fibonacci', 'Ended'), String(CALLS)));
  await until(page, is(cell('fibonacci', 'Missed'), String(CALLS)));
  expect(await page.innerText('#now-ended')).toBe(String(CALLS));
  const shown = await page.innerText('#function-table tbody th');
  expect(shown).toBe(`${HOSTILE}/fibonacci`);
  expect(await page.locator('img').count()).toBe(0);
  expect(await page.title()).toBe('Sledge console');
  expect(await page.locator('#charts canvas').count()).toBe(4);
  await page.waitForSelector('#lanes:not([hidden])');
  expect(realErrors()).toEqual([]);
});

test('a function is called by its form, and its output is text', async () => {
  await page.fill('#call-function', 'echo');
  await page.fill('#call-input', '<b onclick="x">&amp;</b>');
  await page.click('#call-form button');
  await page.waitForSelector('#call-form pre:not([hidden])');
  expect(await page.innerText('#call-form pre')).toBe('<b onclick="x">&amp;</b>');
  expect(await page.innerText('#call-form [role=status]')).toMatch(/^completed in .*24 bytes\.$/);
  await page.fill('#call-function', 'nothing');
  await page.click('#call-form button');
  await page.waitForSelector('#call-form p.bad');
  expect(await page.innerText('#call-form p.bad')).toContain('SLEDGE_ERR_INVOKE_UNKNOWN');
  browser.errors.splice(0); // the refusal is an error of the network too
});

test('a policy is exchanged by keyboard alone while the page looks on', async () => {
  await page.focus('#policy-kind');
  await page.keyboard.press('Tab');
  await page.keyboard.type('lld');
  await page.keyboard.press('Enter');
  await until(page, `document.getElementById('policy-table').textContent.includes('dispatch-lld')`);
  await until(
    page,
    `document.querySelector('#policy-form [role=status]').textContent.includes('lld decides')`,
  );
  const { body } = await request(`${admin}/policies`, {
    headers: { authorization: `Bearer ${READER}` },
  });
  expect(((await body.json()) as { dispatcher: object }).dispatcher).toMatchObject({
    name: 'dispatch-lld',
  });
  expect(realErrors()).toEqual([]);
});

/** The version that serves, as the API tells it. */
async function version(): Promise<number> {
  const at = `${admin}/tenants/${encodeURIComponent(HOSTILE)}/functions/fibonacci`;
  const { body } = await request(at, { headers: { authorization: `Bearer ${READER}` } });
  return ((await body.json()) as { version: number }).version;
}

test('a new version is deployed by its form, and rolled back', async () => {
  const said = (form: string) => `document.querySelector('#${form} [role=status]').textContent`;
  await page.fill('#deploy-tenant', HOSTILE);
  await page.fill('#deploy-name', 'fibonacci');
  await page.setInputFiles('#deploy-file', path.join(root, 'functions/empty.wasm'));
  await page.click('#deploy-form button');
  await until(page, `${said('deploy-form')}.startsWith('Version 1')`);
  expect(await version()).toBe(1);
  await page.selectOption('#rollback-function', `${HOSTILE}/fibonacci`);
  await page.click('#rollback-form button');
  await until(page, `${said('rollback-form')}.includes('at the version before')`);
  expect(await version()).toBe(0);
  await until(page, `document.getElementById('tenant-table').textContent.includes('<img')`);
  expect(realErrors()).toEqual([]);
});

test('who may look may not change: the controls say so', async () => {
  const reading = await open(READER);
  await reading.waitForSelector('#policy-form button:disabled');
  expect(await reading.innerText('#policy-form [role=status]')).toContain('may look');
  expect(await reading.isDisabled('#call-form button')).toBe(true);
  expect(await reading.isHidden('#versions')).toBe(true);
  await reading.click('#forget');
  await reading.waitForSelector('#sign-in:not([hidden])');
  await reading.fill('#token', 'no-token-of-this-server');
  await reading.keyboard.press('Enter');
  await until(
    reading,
    `document.getElementById('sign-in-problem').textContent.includes('UNAUTHENTICATED')`,
  );
  expect(realErrors()).toEqual([]);
  await reading.close();
});

test('every control is reached by Tab, in the order of the page, and has a name', async () => {
  await page.focus('#forget');
  const reached: string[] = [];
  for (let at = 0; at < 40; at += 1) {
    await page.keyboard.press('Tab');
    const id: string = await page.evaluate(`document.activeElement.id`);
    if (id === '' && (await page.evaluate('document.activeElement === document.body'))) break;
    if (id !== '') reached.push(id);
  }
  expect(reached).toEqual([
    'chosen',
    ...['policy-kind', 'policy-name', 'policy-options'],
    ...['call-function', 'call-args', 'call-input'],
    ...['deploy-tenant', 'deploy-name', 'deploy-file', 'rollback-function'],
  ]);
  const nameless: number = await page.evaluate(
    `[...document.querySelectorAll('input, select, textarea')]
      .filter((control) => control.labels.length === 0).length`,
  );
  expect(nameless).toBe(0);
});

test('it fits 390 px, is dark when asked, and asks no other host for anything', async () => {
  await page.setViewportSize({ width: 390, height: 900 });
  await call('fibonacci?20');
  await until(page, `document.querySelectorAll('#charts canvas').length === 4`);
  await until(page, 'Number(document.body.dataset.samples) > 2');
  // the charts follow the new width a frame later
  await until(page, 'document.documentElement.scrollWidth === 390');
  const back = `getComputedStyle(document.body).backgroundColor`;
  expect(await page.evaluate(back)).toBe('rgb(255, 255, 255)');
  await page.screenshot({ path: path.join(pictures, 'console-390.png'), fullPage: true });
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await page.evaluate(back)).toBe('rgb(22, 24, 27)');
  await page.setViewportSize({ width: 1280, height: 900 });
  const picture = path.join(pictures, 'console-dark.png');
  await page.screenshot({ path: picture, fullPage: true });
  expect(statSync(picture).size).toBeGreaterThan(30_000);
  expect([...asked]).toEqual([admin]);
  expect(realErrors()).toEqual([]);
});

test('nothing inline runs, no frame holds it, and its files are not to be guessed', async () => {
  const { headers } = await request(`${admin}/console`);
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  for (const file of ['..%2fpackage.json', 'dist/main.js', 'main.d.ts', '.tsbuildinfo']) {
    expect((await request(`${admin}/console/${file}`)).statusCode).toBe(404);
  }
  expect((await request(`${admin}/live`)).statusCode).toBe(401);
});

test('sledge top tells the same to a script', async () => {
  await call('echo');
  const words = ['top', '--once', '--json', '--socket', server.control];
  const ran = promisify(execFile)(process.execPath, [
    path.join(root, 'cli/bin/sledge.js'),
    ...words,
  ]);
  const { phase, seconds, functions } = JSON.parse((await ran).stdout) as LiveSample & {
    phase: string;
  };
  expect(phase).toBe('serving');
  expect(seconds).toBeGreaterThan(0);
  const found = functions.find((row) => row.function === 'echo');
  expect(found?.tenant).toBe(HOSTILE);
  expect(found?.completed).toBeGreaterThan(0);
});
