// node nats-load.cjs URL SECONDS HTTP...: calls, durable work and requests to each HTTP address
// until then, then one line of JSON.
const { setTimeout: delay } = require('node:timers/promises');
const { connect } = require('@nats-io/transport-node');
const { NatsClient } = require('@sledge/client-nats');

const { AbortSignal, fetch } = globalThis;

const CALL_LANES = 8;
const WORK_LANES = 4;
const RESULT_MS = 120_000;
const WEB_LANES_EACH = 2;
/** Longer than any link is cut and any node is away. */
const WEB_MS = 60_000;

/** Each has one outcome: an answer, an error, or it hangs, which none may. */
async function requests(web, address, endMs) {
  while (Date.now() < endMs) {
    web.asked += 1;
    try {
      const signal = AbortSignal.timeout(WEB_MS);
      const response = await fetch(`${address}/fib?15`, { signal });
      const text = await response.text();
      if (response.status !== 200) throw { code: /SLEDGE_\w+/.exec(text)?.[0] ?? 'none' };
      web.answers += 1;
      if (text.trim() !== '610') web.wrong += 1;
    } catch (error) {
      const code = error.cause?.code ?? error.code ?? error.name;
      if (error.name === 'TimeoutError') web.hung += 1;
      web.errors[code] = (web.errors[code] ?? 0) + 1;
      await delay(20);
    }
  }
}

async function main() {
  const [url, seconds, ...addresses] = process.argv.slice(2);
  const endMs = Date.now() + Number(seconds) * 1_000;
  const forever = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
  const watcher = await connect({ servers: url, ...forever });
  const told = {};
  watcher.subscribe('sledge.result.>', {
    callback: (_, { subject }) => (told[subject] = (told[subject] ?? 0) + 1),
  });
  const client = NatsClient.open({ servers: [url], reconnectWaitMs: 50 });
  const web = { asked: 0, answers: 0, errors: {}, wrong: 0, hung: 0 };
  const counts = { web, calls: 0, answers: 0, errors: {}, submitted: 0, results: 0, wrong: 0 };

  async function calls() {
    while (Date.now() < endMs) {
      counts.calls += 1;
      try {
        await client.invoke('acme', 'fib', undefined, { args: ['15'], deadlineMs: 1_000 });
        counts.answers += 1;
      } catch ({ code }) {
        counts.errors[code] = (counts.errors[code] ?? 0) + 1;
      }
    }
  }

  const waiting = [];
  async function work(lane) {
    for (let at = 0; Date.now() < endMs; at += 1) {
      const id = `${lane}-${at}`;
      const submit = () => client.submit('acme', 'fib', undefined, { id, args: ['20'] });
      let submission;
      while (submission === undefined) {
        submission = await submit().catch(() => delay(100));
      }
      counts.submitted += 1;
      waiting.push(submission.result({ timeoutMs: RESULT_MS }));
      waiting.at(-1).catch(() => undefined);
      await delay(20);
    }
  }

  const lanes = [];
  for (let lane = 0; lane < CALL_LANES; lane += 1) lanes.push(calls());
  for (let lane = 0; lane < WORK_LANES; lane += 1) lanes.push(work(lane));
  for (const address of addresses) {
    for (let lane = 0; lane < WEB_LANES_EACH; lane += 1) lanes.push(requests(web, address, endMs));
  }
  await Promise.all(lanes);
  for (const result of await Promise.allSettled(waiting)) {
    if (result.status === 'fulfilled') counts.results += 1;
    if (result.value?.output.toString().trim() !== '6765') counts.wrong += 1;
  }
  counts.toldTwice = Object.values(told).filter((times) => times > 1).length;
  await client.close();
  await watcher.close();
  console.log(JSON.stringify(counts));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
