// node client.cjs NATS_URL HTTP_URL...: calls each node over HTTP, and any of them over NATS.
const { NatsClient } = require('@sledge/client-nats');

async function main() {
  const [nats, ...urls] = process.argv.slice(2);
  for (const url of urls) {
    const answer = await globalThis.fetch(url);
    console.log(`${url}: ${(await answer.text()).trim()}`);
  }
  const client = NatsClient.open({ servers: [nats] });
  const counts = {};
  for (let at = 0; at < 60; at += 1) {
    const { node } = await client.invoke('acme', 'fib', undefined, { args: ['10'] });
    counts[node] = (counts[node] ?? 0) + 1;
  }
  console.log('60 calls over NATS:', counts);
  const submitted = [];
  for (let at = 0; at < 12; at += 1) {
    submitted.push(await client.submit('acme', 'fib', undefined, { args: ['20'] }));
  }
  const results = await Promise.all(submitted.map((work) => work.result()));
  const nodes = [...new Set(results.map(({ node }) => node))].sort();
  console.log(`12 of 12 durable jobs done, by ${nodes.join(', ')}`);
  await client.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
