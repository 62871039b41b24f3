/** A server that is killed in the middle of deployments has the old or the new version after. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, Server } from './server';
import { deploy, moduleMaker, report, textOf, until } from './versions';

const IS_LONG = process.env.SLEDGE_TEST_LONG === '1';
const KILLS = IS_LONG ? 500 : 5;
/** A kill comes after so many deployments, at most. */
const DEPLOYMENTS_MAX = 2;
/** Every so often one that must be compiled. */
const FRESH_EVERY = 10;
/** How far a long run has come: one that was stopped goes on there. */
const PROGRESS = path.join(root, '.cache/deploy-kill.json');

const answering = moduleMaker('answers.wat');
afterAll(() => Server.stopAll());

/** Park and Miller's generator: the same kills in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function config(folder: string) {
  return {
    transports: [['http', {}]],
    arena: { slots: 4 },
    build: { level: 'development' },
    store: { path: path.join(folder, 'store.db') },
    tenants: [{ name: 'test', port: 0 }],
  };
}

async function start(folder: string): Promise<Server> {
  rmSync(path.join(folder, 'ready.json'), { force: true });
  return Server.start({ config: config(folder), folder });
}

/** Deploys one after another until the server is gone. */
class Deploying {
  /** What may serve after the kill. */
  may: Set<string>;
  done = 0;
  readonly ended: Promise<void>;

  constructor(server: Server, serving: string, at: number) {
    this.may = new Set([serving]);
    this.ended = this.run(server, at);
  }

  private async run(server: Server, at: number): Promise<void> {
    const isFresh = at % FRESH_EVERY === FRESH_EVERY - 1;
    for (let turn = 0; ; turn += 1) {
      const text = isFresh && turn === 0 ? `f${at}` : `c${(at + turn + 1) % 4}`;
      this.may.add(text);
      try {
        await deploy(server, answering(text));
      } catch {
        return;
      }
      this.may = new Set([text]);
      this.done += 1;
    }
  }
}

function firstKill(): number {
  if (!IS_LONG || !existsSync(PROGRESS)) return 0;
  const { done } = JSON.parse(readFileSync(PROGRESS, 'utf8')) as { done: number };
  return done < KILLS ? done : 0;
}

test(`${KILLS} kills amid deployments leave the old or the new version`, async () => {
  const first = firstKill();
  console.log(`${KILLS - first} kills -9 (of 500 with SLEDGE_TEST_LONG=1)`);
  const folder = mkdtempSync(path.join(tmpdir(), 'sledge-kill-'));
  let server = await start(folder);
  for (const text of ['c0', 'c1', 'c2', 'c3']) await deploy(server, answering(text));
  const startedMs = performance.now();
  await deploy(server, answering('c0'));
  const oneMs = performance.now() - startedMs;
  let serving = 'c0';
  let changed = 0;
  for (let at = first; at < KILLS; at += 1) {
    const random = randomFrom(at + 1);
    for (let burnt = 0; burnt < 3; burnt += 1) random();
    const after = Math.floor(random() * (DEPLOYMENTS_MAX + 1));
    const deploying = new Deploying(server, serving, at);
    await until(() => deploying.done >= after);
    await new Promise((resolve) => setTimeout(resolve, random() * oneMs));
    server.process.kill('SIGKILL');
    await server.exited;
    await deploying.ended;
    const { may } = deploying;
    server = await start(folder);
    const answered = (await textOf(`${server.url}/f`)).replace('200 ', '');
    expect({ at, answered, may: [...may] }).toEqual({
      at,
      answered,
      may: expect.arrayContaining([answered]),
    });
    const { versions, version } = await report(server);
    expect(versions.some((one) => one.version === version)).toBe(true);
    if (answered !== serving) changed += 1;
    serving = answered;
    mkdirSync(path.dirname(PROGRESS), { recursive: true });
    if (IS_LONG) writeFileSync(PROGRESS, JSON.stringify({ done: at + 1 }));
  }
  console.log(`${oneMs.toFixed(0)} ms for a deployment; ${changed} times another version serves`);
  expect(server.log).not.toContain('SLEDGE_ERR');
}, 3_600_000);
