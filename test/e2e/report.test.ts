import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { compare, htmlReport, parseExperiment, variantOf } from '@sledge/lab';
import type { EngineRun, RunRequest } from '@sledge/lab';
import { Browser } from '../support/browser';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-report-'));
let browser: Browser;

beforeAll(async () => {
  browser = await Browser.start();
}, 320_000);

afterAll(async () => {
  await browser?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A queue as the textbook has it, with some luck by seed: the shapes of a real run. */
function runOf({ load, seed, variant }: RunRequest): EngineRun {
  const base = ((1 + (seed % 4) / 20) * (variant.name === 'a' ? 1 : 1.6)) / (1 - load);
  const shape = { mean: base, p50: base, p90: base * 2, p99: base * 6, p999: base * 9 };
  const slowdown = { ...shape, max: base * 10 };
  const cdf = [0, 0.25, 0.5, 0.75, 0.9, 0.99, 1].map((share): [number, number] => [
    1 + base * share * share * 9,
    share,
  ]);
  const of = (name: string) => ({
    name,
    requests: 500,
    sojournUs: slowdown,
    slowdown,
    missRate: load / 100,
    cdf,
  });
  return {
    offeredRps: 1000 * load,
    goodputRps: 990 * load,
    missRate: load / 100,
    slowdown,
    classes: [of('short'), of('long')],
    series: Array.from({ length: 20 }, (_, at) => ({
      atS: at / 10,
      answered: 50 + (at % 3),
      missed: 0,
      p50Us: base * 10,
      p99Us: base * (60 + (at % 5)),
    })),
    counts: { planned: 1000 },
    doubts: [],
  };
}

async function writeReport(): Promise<string> {
  const experiment = parseExperiment(
    {
      variants: [variantOf('a=edf-interrupt/edf'), variantOf('b=darc/fifo')],
      workload: 'high-bimodal',
      loads: [0.2, 0.5, 0.8],
    },
    'test',
  );
  const engine = {
    labels: [],
    start: async () => undefined,
    run: async (request: RunRequest) => runOf(request),
    stop: async () => undefined,
  };
  const document = await compare(experiment, () => engine, {
    command: 'npx sledge compare --a edf-interrupt/edf --b darc/fifo --workload high-bimodal',
  });
  const file = path.join(folder, 'report.html');
  writeFileSync(file, htmlReport(document));
  return pathToFileURL(file).href;
}

/** In the page: of each chart, whether a series of it has left ink on its canvas. */
const DRAWN = `[...document.querySelectorAll('.chart')].map((box) => {
  const canvas = box.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let coloured = 0;
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b, a] = data.subarray(at, at + 4);
    if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) coloured += 1;
  }
  return { title: box.querySelector('h3').textContent, coloured, width: box.clientWidth };
})`;

test.each([1280, 390])(
  'the report stands alone and shows every chart with data, %d px wide',
  async (width) => {
    const url = await writeReport();
    const page = await browser.open('about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.setViewportSize({ width, height: 900 });
    await page.goto(url);
    await page.waitForSelector('body[data-drawn]', { state: 'attached' });
    const charts: { title: string; coloured: number; width: number }[] = await page.evaluate(DRAWN);
    expect(charts.map(({ title }) => title)).toEqual(
      expect.arrayContaining([
        'Slowdown over load: short, p99',
        'Deadlines missed over load: long',
        'Distribution of slowdown at the highest load: short',
        'p99 of sojourn time over time at the highest load',
      ]),
    );
    expect(charts).toHaveLength(16);
    expect(charts.filter(({ coloured }) => coloured < 50)).toEqual([]);
    expect(charts.filter((chart) => chart.width < Math.min(width - 40, 400))).toEqual([]);
    // No sideways scrolling of the page; wide tables scroll in their own boxes.
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await page.innerText('#command')).toContain('npx sledge compare --a edf-interrupt/edf');
    expect(asked.filter((address) => !/^(file|data):/.test(address))).toEqual([]);
    expect(browser.errors).toEqual([]);
    const image = path.join(process.env.SLEDGE_SCREENSHOTS ?? folder, `report-${width}.png`);
    await page.screenshot({ path: image, fullPage: true });
    expect(statSync(image).size).toBeGreaterThan(50_000);
  },
  120_000,
);
