// Preloaded into the server under test: tells its JavaScript heap after a collection.
process.on('message', (question) => {
  if (question !== 'heap') return;
  for (let i = 0; i < 3; i += 1) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  process.send({ heapUsed, external });
});
process.channel?.unref();
