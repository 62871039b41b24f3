import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { configOf, root, Server } from './server';

const FUNCTIONS = join(root, 'functions');
const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
/** Those that are built in a second; all of them in the long run, and always in V8. */
const SMALL = ['digits', 'markdown', 'sha256'];
const NAMES = readdirSync(FUNCTIONS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && readdirSync(join(FUNCTIONS, entry.name)).length > 1)
  .map(({ name }) => name)
  .filter((name) => fileOf(name, 'input.') !== undefined);

/** The one file of a function's folder that is named so. */
function fileOf(name: string, start: string): Buffer | undefined {
  const folder = join(FUNCTIONS, name);
  const file = readdirSync(folder).find((each) => each.startsWith(start));
  return file === undefined ? undefined : readFileSync(join(folder, file));
}

function contentOf(name: string, start: string): Buffer {
  const content = fileOf(name, start);
  if (content === undefined) throw new Error(`functions/${name} has no ${start}*`);
  return content;
}

afterAll(() => Server.stopAll());

describe.each([
  ['v8', NAMES],
  ['awsm', isLong ? NAMES : SMALL],
])('real functions in %s answer with what is checked in', (sandbox, names) => {
  let server: Server;
  beforeAll(async () => {
    const config = configOf(names.map((name) => ({ name })));
    server = await Server.start({ config, set: [`sandbox=${sandbox}`] });
  }, 320_000);
  afterAll(() => server.stop());

  async function answer(name: string, body: Buffer | null): Promise<Buffer> {
    const { statusCode, body: got } = await request(`${server.url}/${name}`, {
      method: 'POST',
      body,
    });
    const bytes = Buffer.from(await got.arrayBuffer());
    expect([statusCode, statusCode === 200 ? '' : bytes.toString()]).toEqual([200, '']);
    return bytes;
  }

  test.each(names)('%s', async (name) => {
    const got = await answer(name, contentOf(name, 'input.'));
    expect(got.equals(contentOf(name, 'expected.'))).toBe(true);
  });

  const ofLoads = names.filter((name) => name === 'cifar10' || name === 'resize_image');
  for (const name of ofLoads) {
    test(`${name}, without a body, with a picture of its own`, async () => {
      const got = await answer(name, null);
      if (name === 'cifar10') expect(got.toString()).toMatch(/^cross 0\.9\d+\n$/);
      else expect(got.subarray(1, 4).toString()).toBe('PNG');
    });
  }
});

test('what is checked in is what others make of the same input', () => {
  expect(NAMES).toHaveLength(8);
  const sum = createHash('sha256').update(contentOf('sha256', 'input.')).digest('hex');
  expect(contentOf('sha256', 'expected.').toString()).toBe(`${sum}\n`);
  const unpacked = gunzipSync(contentOf('gzip', 'expected.'));
  expect(unpacked.equals(contentOf('gzip', 'input.'))).toBe(true);
  interface Order {
    items: { price: number; count: number }[];
  }
  const orders = JSON.parse(contentOf('json_totals', 'input.').toString()) as Order[];
  const cents = orders
    .flatMap(({ items }) => items)
    .reduce((sum, { price, count }) => sum + Math.round(price * 100) * count, 0);
  const totals = JSON.parse(contentOf('json_totals', 'expected.').toString()) as {
    total: number;
  };
  expect(Math.round(totals.total * 100)).toBe(cents);
  expect(contentOf('digits', 'expected.').toString()).toBe('31415926535897932384\n');
});
