import parse from 'parse-prometheus-text-format';
import { Agent, request } from 'undici';

interface Scraped {
  labels?: Record<string, string>;
  value: string;
}

/** What a server that is reached by its control socket shows at /metrics, by a parser of others. */
export async function scrape(socketPath: string) {
  const dispatcher = new Agent({ connect: { socketPath } });
  const answer = await request('http://sledge/metrics', { dispatcher });
  const text = await answer.body.text();
  await dispatcher.close();
  expect(answer.headers['content-type']).toContain('version=0.0.4');
  // this parser loses the labels of histograms, unless it does not know that they are some
  const families = parse(text.replaceAll(/^# TYPE .*\n/gm, ''));
  const all = new Map<string, Scraped[]>();
  for (const { name, metrics } of families) all.set(name, [...(all.get(name) ?? []), ...metrics]);
  /** Sum of the samples that have these labels, whatever others they have. */
  const value = (name: string, labels: Record<string, string>): number => {
    const found = (all.get(name) ?? []).filter((sample) =>
      Object.entries(labels).every(([label, of]) => sample.labels?.[label] === of),
    );
    return found.reduce((sum, sample) => sum + Number(sample.value), 0);
  };
  return { all, value };
}
