import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Who may import whom; see docs/architecture.md. Relative paths must stay inside a package. */
function mayNotImport(files, packages, why) {
  const patterns = packages.map((regex) => ({ regex, message: why }));
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

const PLUGIN_KINDS =
  'transport|sandbox|sched|dispatch|estimator|admission|workload|placement|observer|host';
const PLUGIN_PACKAGES = `^@sledge/(${PLUGIN_KINDS})-`;
const PACKAGES = 'core|cli|client-erpc|client-nats|nats-connection|bench|lab|native';
const PLUGIN_FOLDER = 'plugins/[a-z0-9-]+/(src|dist|native)';
const OTHER_PACKAGE_BY_PATH = `^(\\.\\./)+((${PACKAGES})/(src|dist)|${PLUGIN_FOLDER})`;
const POLICY_FILES = ['plugins/dispatch-*/src/**/*.ts', 'plugins/sched-*/src/**/*.ts'];
const POLICY_CLOCK =
  'A policy has one clock (workers.nowNs) and one source of chance (ctx.random).';

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      'build/**',
      '.cache/**',
      '.sledge/**',
      'coverage/**',
      '**/fixtures/**',
      'functions/**',
    ],
  },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.check.json', './core/console/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['error'] }],
      'no-param-reassign': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/test/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'off',
    },
  },
  { files: ['cli/src/**/*.ts', 'bench/src/**/*.ts'], rules: { 'no-console': 'off' } },
  mayNotImport(
    ['core/src/**/*.ts'],
    ['^@sledge/', OTHER_PACKAGE_BY_PATH],
    'core imports no plugin and nothing above it.',
  ),
  mayNotImport(
    ['plugins/*/src/**/*.ts'],
    ['^@sledge/(?!(core(/errors)?|nats-connection)$)', OTHER_PACKAGE_BY_PATH],
    'A plugin imports @sledge/core, and nats-connection if it needs NATS, and no other part.',
  ),
  mayNotImport(
    ['lab/src/**/*.ts'],
    ['^@sledge/(?!core(/host|/errors)?$)', OTHER_PACKAGE_BY_PATH],
    'The lab imports core; plugins are named in its configuration.',
  ),
  mayNotImport(
    ['client-erpc/src/**/*.ts', 'client-nats/src/**/*.ts', 'nats-connection/src/**/*.ts'],
    ['^@sledge/(?!(core(/host)?|nats-connection)$)', OTHER_PACKAGE_BY_PATH],
    'A client knows the core and no other part.',
  ),
  mayNotImport(
    ['cli/src/**/*.ts'],
    [PLUGIN_PACKAGES, '^@sledge/bench', OTHER_PACKAGE_BY_PATH],
    'The CLI calls core or lab.',
  ),
  {
    files: POLICY_FILES,
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: POLICY_CLOCK },
        { name: 'performance', message: POLICY_CLOCK },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: POLICY_CLOCK },
        { object: 'process', property: 'hrtime', message: POLICY_CLOCK },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        WebAssembly: 'readonly',
        module: 'writable',
        require: 'readonly',
        __dirname: 'readonly',
        __filename: 'readonly',
      },
    },
  },
);
