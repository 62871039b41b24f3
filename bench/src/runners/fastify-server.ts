/**
 * Child process: a bare fastify handler, or with a .wasm as argument, a fresh V8 instance of it for
 * each request. Prints its port.
 */
import { readFileSync } from 'node:fs';
import fastify from 'fastify';

const [wasmPath] = process.argv.slice(2);
const server = fastify();

if (wasmPath === undefined) {
  server.get('/', (_request, reply) => {
    void reply.type('text/plain').send('');
  });
} else {
  const module = new WebAssembly.Module(readFileSync(wasmPath));
  const proc_exit = (): void => undefined;
  const imports = { wasi_snapshot_preview1: { proc_exit } };
  server.get('/', (_request, reply) => {
    const instance = new WebAssembly.Instance(module, imports);
    (instance.exports['_start'] as () => void)();
    void reply.type('text/plain').send('');
  });
}

void server.listen({ host: '127.0.0.1', port: 0 }).then((url) => {
  process.stdout.write(`${new URL(url).port}\n`);
});
