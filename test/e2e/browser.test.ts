import { Browser } from '../support/browser';
import { configOf, Server } from './server';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  const fib = { name: 'fibonacci', route: '/fib', responseContentType: 'text/plain' };
  [server, browser] = await Promise.all([
    Server.start({ config: configOf([fib, { name: 'html', responseContentType: 'text/html' }]) }),
    Browser.start(),
  ]);
}, 320_000);

afterAll(async () => {
  await browser?.stop();
  await Server.stopAll();
});

test('a browser that opens /fib?10 shows 55', async () => {
  const page = await browser.open(`${server.url}/fib?10`);
  expect((await page.innerText('body')).trim()).toBe('55');
});

test('a browser renders what a function writes as HTML', async () => {
  const page = await browser.open(`${server.url}/html?browser`);
  expect(await page.innerText('h1')).toBe('Hello, browser');
  expect(await page.evaluate('document.contentType')).toBe('text/html');
});
