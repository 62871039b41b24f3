import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './support/source-files';

const text = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
const PROOF = /`([a-z][\w./-]+_?test\.(?:ts|cpp))`: `([^`]+)`/g;
const proofs = [...text.matchAll(PROOF)].map(([, file = '', name = '']) => [file, name] as const);

test('every line of the threat model names a test', () => {
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const claims = rows.filter((line) => !/^\| (it|one) may not /.test(line));
  expect(claims.length).toBeGreaterThan(40);
  expect(claims.filter((line) => [...line.matchAll(PROOF)].length !== 1)).toEqual([]);
});

test.each(proofs)('%s has a test "%s"', (file, name) => {
  expect(existsSync(join(ROOT, file))).toBe(true);
  const source = readFileSync(join(ROOT, file), 'utf8').replace(/'\s*\+\s*'/g, '');
  const called = file.endsWith('.cpp')
    ? new RegExp(`^TEST(_F|_P)?\\(\\w+, ${name}\\)`, 'm').test(source)
    : source.includes(name);
  expect(called).toBe(true);
});

test('what is documented is linked', () => {
  for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
    expect([link, existsSync(join(ROOT, link))]).toEqual([link, true]);
  }
});
