// Preloaded into the server under test: tells its JavaScript heap after a collection.
process.on('message', (question) => {
  if (question !== 'heap') return;
  for (let i = 0; i < 3; i += 1) globalThis.gc();
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  process.send({ heapUsed, nativeBytes: rss - heapTotal - external });
});
process.channel?.unref();
