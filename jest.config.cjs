/** Every package's tests run from source through swc; '@sledge/*' resolves to the built dist. */
module.exports = {
  rootDir: __dirname,
  testMatch: ['**/test/**/*.test.ts', '**/src/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/'],
  modulePathIgnorePatterns: ['/dist/', '/build/'],
  moduleNameMapper: {
    '^@sledge/core/host$': '<rootDir>/core/src/host',
    '^@sledge/core/testing$': '<rootDir>/core/src/testing',
    '^@sledge/core/errors$': '<rootDir>/core/src/errors/catalogue',
    '^@sledge/(core|lab|cli|bench|client-erpc|client-nats|nats-connection)$': '<rootDir>/$1/src',
    '^@sledge/((transport|sandbox|sched|dispatch|estimator|admission|host|registry)-[a-z0-9-]+)$':
      '<rootDir>/plugins/$1/src',
  },
  setupFiles: ['reflect-metadata'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2022',
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  testTimeout: 300_000,
};
