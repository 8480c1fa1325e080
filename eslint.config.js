import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config(
  {
    ignores: [
      '**/node_modules',
      'dist',
      '**/.svelte-kit',
      'coverage',
      'worker/generated',
      'worker-configuration.d.ts',
      '**/*.svelte',
      'web/static',
      '.data',
      '.wrangler',
      'test-results',
      'playwright-report',
    ],
  },
  js.configs.recommended,
  ts.configs.recommended,
  {
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        fetch: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
        Response: 'readonly',
        AbortController: 'readonly',
        TextEncoder: 'readonly',
        TextDecoder: 'readonly',
        structuredClone: 'readonly',
      },
    },
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/no-empty-object-type': 'off',
      'no-control-regex': 'off',
      // it does not see a read in `this.#field ??= ...`
      'no-unused-private-class-members': 'off',
    },
  },
  // what comes over the wire in a test is looked at with expect, not with types
  { files: ['tests/**', 'bench/**', '**/*.test.ts'], rules: { '@typescript-eslint/no-explicit-any': 'off' } },
);
