// Casemate's own ESLint rules: what they report and what they leave alone.

import { join } from 'node:path';
import { RuleTester } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { casemate } from '../../scripts/eslint/plugin.mjs';

// The tester looks for these among the globals, which vitest keeps free.
Object.assign(RuleTester, { describe, it, itOnly: it.only });

const project = join(import.meta.dirname, 'fixtures', 'typed');
const filename = join(project, 'rule-under-test.ts');

const typed = new RuleTester({
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: { projectService: true, tsconfigRootDir: project },
  },
});

const raw = (name: string) => [{ messageId: 'raw', data: { name } }];
const withCrypto = (code: string) => ({ filename, code: `import * as crypto from 'node:crypto';\n${code}` });

typed.run('keys-as-key-objects', casemate.rules['keys-as-key-objects'], {
  valid: [
    withCrypto("crypto.createHmac('sha256', crypto.createSecretKey(Buffer.alloc(32)));"),
    withCrypto("function f(key: crypto.KeyObject) { return crypto.createCipheriv('aes-256-gcm', key, Buffer.alloc(12)); }"),
    withCrypto("function f(key: crypto.KeyObject) { return crypto.hkdfSync('sha256', key, '', '', 32); }"),
    withCrypto('function f(key: crypto.KeyObject) { return crypto.sign(null, Buffer.alloc(1), key); }'),
    withCrypto("function f(key: crypto.KeyObject) { return crypto.sign(null, Buffer.alloc(1), { key, dsaEncoding: 'ieee-p1363' }); }"),
    withCrypto('function f(key: crypto.KeyObject) { return crypto.privateDecrypt({ key, padding: 4 }, Buffer.alloc(1)); }'),
    // A method of the same name takes its key elsewhere.
    withCrypto("function f(pem: string) { return crypto.createSign('sha256').sign(pem); }"),
    withCrypto("function f(key: crypto.KeyObject) { return crypto.createVerify('sha256').verify(key, 'signature', 'hex'); }"),
    withCrypto("crypto.createHash('sha256'); crypto.randomBytes(32); crypto.createSecretKey(Buffer.alloc(32));"),
    // Somebody else's function of the same name.
    { filename, code: "function createHmac(a: string, key: string) { return a + key; }\ncreateHmac('sha256', 'key');" },
    { filename, code: "const signer = { sign: (a: string, b: string, c: string) => a + b + c };\nsigner.sign('a', 'b', 'c');" },
    {
      filename,
      code: "import { createHmac, type KeyObject } from 'node:crypto';\nexport const f = (key: KeyObject) => createHmac('sha256', key);",
    },
    withCrypto("crypto.createHmac('sha256');"),
  ],
  invalid: [
    { ...withCrypto("crypto.createHmac('sha256', 'a text');"), errors: raw('createHmac') },
    { ...withCrypto("crypto.createHmac('sha256', Buffer.alloc(32));"), errors: raw('createHmac') },
    { ...withCrypto("crypto.createCipheriv('aes-256-gcm', new Uint8Array(32), Buffer.alloc(12));"), errors: raw('createCipheriv') },
    { ...withCrypto("crypto.createDecipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12));"), errors: raw('createDecipheriv') },
    { ...withCrypto("crypto.hkdfSync('sha256', Buffer.alloc(32), '', '', 32);"), errors: raw('hkdfSync') },
    { ...withCrypto("crypto.sign(null, Buffer.alloc(1), 'pem');"), errors: raw('sign') },
    { ...withCrypto("crypto.verify(null, Buffer.alloc(1), { key: 'pem' }, Buffer.alloc(64));"), errors: raw('verify') },
    { ...withCrypto("crypto.publicEncrypt('pem', Buffer.alloc(1));"), errors: raw('publicEncrypt') },
    // A key that is only sometimes an object, and one of which nothing is known.
    { ...withCrypto("function f(key: crypto.KeyObject | Buffer) { return crypto.createHmac('sha256', key); }"), errors: raw('createHmac') },
    { ...withCrypto("function f(key: any) { return crypto.createHmac('sha256', key); }"), errors: raw('createHmac') },
    // However it was imported.
    {
      filename,
      code: "import { createHmac as mac } from 'node:crypto';\nmac('sha256', Buffer.alloc(32));",
      errors: raw('createHmac'),
    },
    {
      filename,
      code: "import crypto from 'crypto';\ncrypto.createHmac('sha256', Buffer.alloc(32));",
      errors: raw('createHmac'),
    },
  ],
});

describe('keys-as-key-objects', () => {
  it('says what it needs where there are no types', () => {
    const { create } = casemate.rules['keys-as-key-objects'];
    expect(() => create({ sourceCode: { parserServices: {} } } as never)).toThrow('set parserOptions.projectService');
  });
});

const lines = (count: number, indent = '  ') => Array.from({ length: count }, (_, index) => `${indent}a(${index});`).join('\n');
const long = (own: number, max: number) => [{ messageId: 'long', data: { lines: own, max } }];

new RuleTester().run('own-lines', casemate.rules['own-lines'], {
  valid: [
    { code: `function f() {\n${lines(3)}\n}`, options: [{ max: 5 }] },
    { code: `const f = () => {\n${lines(3)}\n};`, options: [{ max: 5 }] },
    // What stands in inner functions is theirs.
    { code: `function f() {\n  a();\n  const g = () => {\n${lines(3, '    ')}\n  };\n}`, options: [{ max: 5 }] },
    { code: `function f() {\n  a(() => {\n${lines(3, '    ')}\n  });\n  a(() => {\n${lines(3, '    ')}\n  });\n}`, options: [{ max: 5 }] },
    { code: `${lines(200, '')}`, options: [{ max: 5 }] },
    { code: `function f() {\n${lines(58)}\n}` },
  ],
  invalid: [
    { code: `function f() {\n${lines(4)}\n}`, options: [{ max: 5 }], errors: long(6, 5) },
    { code: `const f = () => {\n${lines(4)}\n};`, options: [{ max: 5 }], errors: long(6, 5) },
    { code: `const o = {\n  f() {\n${lines(4)}\n  },\n};`, options: [{ max: 5 }], errors: long(6, 5) },
    { code: `class C {\n  f() {\n${lines(4)}\n  }\n}`, options: [{ max: 5 }], errors: long(6, 5) },
    // A function on one line takes nothing away.
    { code: `function f() {\n  a(() => 1);\n  a(() => 2);\n  a(() => 3);\n  a(() => 4);\n}`, options: [{ max: 5 }], errors: long(6, 5) },
    // The inner one is measured by itself.
    { code: `function f() {\n  const g = () => {\n${lines(4, '    ')}\n  };\n}`, options: [{ max: 5 }], errors: long(6, 5) },
    { code: `function f() {\n${lines(59)}\n}`, errors: long(61, 60) },
  ],
});
