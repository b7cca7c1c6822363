// What ESLint checks: what the compiler cannot see (promises, keys, bounds on functions). Style and formatting are Biome's.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { casemate } from './scripts/eslint/plugin.mjs';

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a thing has one name everywhere.',
};

const cryptoOnlyInCrypto = {
  name: 'node:crypto',
  message: 'All cryptography is in src/crypto; use or extend what stands there.',
  allowTypeImports: true,
};

const processesOnlyInPrograms = {
  name: 'node:child_process',
  message: 'Only src/programs starts processes, and src/keys/pkcs11/process.ts.',
};

export default defineConfig(
  { ignores: ['node_modules', 'dist', 'coverage', '.casemate', 'test/foundation/fixtures'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { casemate },
    rules: {
      'casemate/keys-as-key-objects': 'error',
      'casemate/own-lines': ['error', { max: 80 }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/no-implied-eval': 'error',
      'no-eval': 'error',
      'no-console': 'error',
      'no-control-regex': 'error',
      complexity: ['error', 20],
      'max-depth': ['error', 4],
      'max-lines': ['error', 400],
      'max-nested-callbacks': ['error', 4],
      'max-params': ['error', 6],
      'no-restricted-syntax': ['error', noDefaultExport],
      '@typescript-eslint/no-restricted-imports': ['error', { paths: [cryptoOnlyInCrypto, processesOnlyInPrograms] }],
    },
  },
  {
    files: ['src/crypto/**/*.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [processesOnlyInPrograms] }] },
  },
  {
    files: ['src/programs/**/*.ts', 'src/keys/pkcs11/process.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { paths: [cryptoOnlyInCrypto] }] },
  },
  {
    // Tests read as long stories, and look at the world with whatever does it best.
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts'],
    rules: {
      'casemate/own-lines': 'off',
      'max-nested-callbacks': ['error', 6],
      '@typescript-eslint/no-restricted-imports': 'off',
      'no-console': 'off',
    },
  },
  {
    files: ['src/programs/**/*.ts', 'src/cli/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // These tools demand a default export.
    files: ['*.config.ts', '*.config.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
