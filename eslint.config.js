import tseslint from 'typescript-eslint';

/** A rule of the house: files under `files` may not import what matches `patterns`. */
const forbid = (files, message, regexes, except = []) => ({
  files,
  ignores: except,
  rules: {
    'no-restricted-imports': ['error', { patterns: regexes.map((regex) => ({ regex, message })) }],
  },
});

const io = [
  '^node:(?!util$|assert)',
  '^pg$',
  '^kysely$',
  '^fastify',
  '^axios$',
  '/store/',
  '/http/',
  '/targets/',
];

/** Where a secret's value may be taken out of its wrapper. Each place hands it to what needs it and nowhere else. */
const mayReveal = [
  'src/contract/secret.ts',
  'src/extension/account/**',
  'src/extension/client/**',
  'src/extension/terminal/**',
  'src/broker/config/secrets.ts',
  'src/broker/config/resolve.ts',
  'src/broker/integrity/macs.ts',
  'src/broker/schedules/fetch-calendar.ts',
  'src/broker/pages/provider.ts',
  'src/broker/config/channels.ts',
  'src/broker/notify/{webhook,slack,email}.ts',
  'src/broker/store/connect.ts',
  'src/broker/targets/postgresql/connect.ts',
  'src/sandbox/**',
  'test/**',
];

const noReveal = {
  selector: "CallExpression[callee.property.name='reveal']",
  message: 'A secret is revealed only in the places that eslint.config.js names.',
};

/**
 * Where a connection to PostgreSQL is made. What they hand out does everything under the name of a step
 * (`src/broker/step.ts`), so that no commit and no word to a target is without one.
 */
const mayConnect = [
  'src/broker/store/connect.ts',
  'src/broker/store/session.ts',
  'src/broker/store/migrate.ts',
  'src/broker/store/embedded.ts',
  'src/broker/targets/postgresql/connect.ts',
];

const noConnection = {
  selector:
    "NewExpression[callee.name='Kysely'], NewExpression[callee.property.name=/^(Client|Pool)$/], NewExpression[callee.name=/^(Client|Pool)$/]",
  message: 'A connection is made only where steps get their names: eslint.config.js says where.',
};

/** Where a connection is held that knows no names of steps. */
const holdsConnection = [...mayConnect, 'src/broker/store/answering.ts', 'src/broker/store/listen.ts'];

/** What only looks, or begins and ends a transaction, says so beside an exception of its own; a `session` takes a name. */
const noNamelessWord = {
  selector:
    "CallExpression[callee.property.name=/^(query|stream|execute\\w*)$/][callee.object.name!='session']:not(CallExpression[callee.name='step'] CallExpression)",
  message: 'A connection that knows no names of steps is asked only within step(…), which names it.',
};

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-restricted-syntax': ['error', noReveal, noConnection],
      eqeqeq: 'error',
    },
  },
  { files: mayReveal, rules: { 'no-restricted-syntax': ['error', noConnection] } },
  ...holdsConnection.map((file) => ({
    files: [file],
    rules: {
      'no-restricted-syntax': [
        'error',
        noNamelessWord,
        ...(mayReveal.includes(file) ? [] : [noReveal]),
        ...(mayConnect.includes(file) ? [] : [noConnection]),
      ],
    },
  })),
  { files: ['src/sandbox/**', 'test/**'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },

  forbid(['src/contract/**'], 'contract imports nothing of ours and does no I/O.', [
    '^\\.\\./',
    '^node:',
    '^vscode$',
  ]),
  forbid(['src/extension/**'], 'The extension meets the broker only in the contract.', [
    '/(broker|cli|sandbox)/',
  ]),
  forbid(['src/launcher/**'], 'The launcher stands alone: only contract and node.', [
    '/(broker|cli|sandbox|extension)/',
    '^vscode$',
  ]),
  forbid(
    ['src/broker/**'],
    'The broker knows neither extension nor sandbox; SQL of our tables lives in broker/store.',
    ['/(extension|launcher|sandbox|cli)/', '^vscode$', '^kysely$'],
    ['src/broker/store/**', 'src/broker/rules/**', 'src/broker/leases/settle.ts'],
  ),
  forbid(['src/broker/store/**'], 'The store knows neither HTTP nor targets.', [
    '/(extension|launcher|sandbox|cli|http|targets)/',
    '^vscode$',
    '^fastify',
  ]),
  forbid(['src/broker/rules/**', 'src/broker/leases/settle.ts'], 'Rules are pure.', [
    ...io,
    '/(extension|launcher|sandbox|cli)/',
    '^vscode$',
  ]),
  forbid(['src/cli/**', 'src/sandbox/**'], 'Nothing imports the extension.', ['/extension/', '^vscode$']),
);
