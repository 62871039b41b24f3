// The steps of a set-up. Each knows its inputs and does nothing when they have not changed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { contentKey, filesBelow, stampMatches, writeStamp } from './content-key.mjs';
import { missingPackages, packageInstallation } from './debian.mjs';
import { inRoot } from './paths.mjs';
import { step, StepFailure } from './step.mjs';

const NODE_MINIMUM = [20, 19];

export function checkMachine() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor < NODE_MINIMUM[1])) {
    throw new StepFailure(
      `Sledge needs Node ${NODE_MINIMUM.join('.')} or newer; this is ${process.versions.node}.`,
    );
  }
  if (process.platform !== 'linux') throw new StepFailure('Sledge runs on Linux.');
}

/** @returns the installation of what is missing; fails at once when it cannot work. */
export function debianPackages(forTests, forLongTests) {
  const missing = missingPackages(forTests, forLongTests);
  return missing.length > 0 ? packageInstallation(missing) : async () => undefined;
}

/** True when node_modules holds what the lock file says, optional packages aside. */
function npmIsCurrent() {
  try {
    const wanted = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(
      readFileSync(inRoot('node_modules/.package-lock.json'), 'utf8'),
    ).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        !path.includes('node_modules/') ||
        entry.optional === true ||
        (existsSync(inRoot(path)) &&
          (entry.link === true ? present[path]?.link : present[path]?.version === entry.version)),
    );
  } catch {
    return false;
  }
}

export async function npmPackages() {
  if (npmIsCurrent()) return;
  await step('npm packages', 'npm', [['npm', ['ci', '--no-audit', '--no-fund']]]);
}

const workspaces = () => [
  'core',
  'lab',
  'cli',
  'client-erpc',
  'nats-connection',
  'client-nats',
  'bench',
  ...readdirSync(inRoot('plugins')).map((name) => `plugins/${name}`),
];

function typescriptKey() {
  const isInput = (path) => /(\/src\/.*\.ts|\/tsconfig\.json|\/package\.json)$/.test(path);
  const sources = workspaces().flatMap((folder) => filesBelow(folder, isInput));
  return contentKey(['tsconfig.json', 'tsconfig.base.json', 'package-lock.json', ...sources]);
}

export async function typescript() {
  const key = typescriptKey();
  const built = workspaces().every((folder) => existsSync(inRoot(folder, 'dist')));
  if (built && stampMatches('typescript', key)) return;
  await step('TypeScript', 'tsc', [[process.execPath, ['node_modules/typescript/bin/tsc', '-b']]]);
  writeStamp('typescript', key);
}

function nativeKey(preset, words) {
  const plugins = readdirSync(inRoot('plugins')).map((name) => `plugins/${name}/native`);
  const sources = ['native', ...plugins].flatMap((folder) => filesBelow(folder, () => true));
  return contentKey(['package-lock.json', ...sources], [preset, ...words]);
}

/** True when the folder has been configured with this option; it then stays so. */
function configuredWith(folder, option) {
  const cache = inRoot('build', folder, 'CMakeCache.txt');
  return existsSync(cache) && readFileSync(cache, 'utf8').includes(`\n${option}:BOOL=ON\n`);
}

/**
 * Builds the native part under one CMake preset.
 * @param {{ tests?: boolean, benches?: boolean, targets?: string[], isBackground?: boolean }}
 *   wanted tests and benchmarks are built only where they are wanted, or have been before;
 *   `targets` builds nothing else.
 */
export async function native(preset, wanted = {}) {
  const name = `native-${preset}`;
  const folder = preset === 'release' ? 'native' : preset;
  const parts = Object.entries({ SLEDGE_TESTS: wanted.tests, SLEDGE_BENCHES: wanted.benches });
  const switches = parts.map(
    ([option, isWanted]) =>
      `-D${option}=${isWanted || configuredWith(folder, option) ? 'ON' : 'OFF'}`,
  );
  const { isBackground, targets } = wanted;
  const key = nativeKey(preset, [...switches, ...(targets ?? [])]);
  if (existsSync(inRoot('build', folder, 'build.ninja')) && stampMatches(name, key)) return;
  const jobs = String(availableParallelism());
  const only = targets === undefined ? [] : ['--target', ...targets];
  await step(`native part (${preset})`, name, [
    ['cmake', ['--preset', preset, ...switches], { cwd: inRoot('native') }],
    ['cmake', ['--build', inRoot('build', folder), '-j', jobs, ...only], { isBackground }],
  ]);
  writeStamp(name, key);
}

/** The file behind `npx sledge`, relative to the checkout. */
export function cliMain() {
  return join('cli', JSON.parse(readFileSync(inRoot('cli/package.json'), 'utf8')).bin.sledge);
}

/** Real applications take longer to compile than a first start should: on their first use. */
const isSample = (path) => !existsSync(inRoot(path.replace(/\.wasm$/, ''), 'build.json'));

/** Compiles the sample functions ahead of time, so that a first request finds them ready. */
export async function functionModules() {
  const isModule = (path) => /^functions\/[^/]+\.wasm$/.test(path);
  const modules = filesBelow('functions', isModule).filter(isSample);
  const key = contentKey(modules, [typescriptKey()]);
  if (stampMatches('functions', key)) return;
  await step('sample functions', 'functions', [
    [process.execPath, [cliMain(), 'build', ...modules]],
  ]);
  writeStamp('functions', key);
}
