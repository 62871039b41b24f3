import { defineConfig } from '@sledge/core';

/** What `npm start` serves: curl localhost:10010/fib?10 */
export default defineConfig({
  workers: { count: 'auto', cores: 'auto', idle: 'adaptive' },
  transports: [['http', { host: '127.0.0.1' }]],
  dispatcher: 'global-queue',
  scheduler: 'fifo',
  sandbox: 'awsm',
  tenants: [
    {
      name: 'gwu',
      port: 10010,
      functions: [
        {
          name: 'fib',
          path: './functions/fibonacci.wasm',
          route: '/fib',
          requestType: 1,
          relativeDeadlineUs: 20_000,
          expectedExecutionUs: 6_000,
          responseContentType: 'text/plain',
        },
      ],
    },
  ],
});
