// The committed reference pages are those that the contracts and commands make today, and their links lead somewhere.

import { describe, expect, it } from 'vitest';
import { committedPages, makePages } from '../../scripts/reference.ts';
import { contract } from '../../src/schema/contract.ts';
import { bool, duration, text } from '../../src/schema/fields.ts';
import { anchors, referencePage } from '../../src/schema/reference.ts';

const made = await makePages();

describe('the pages of docs/reference', () => {
  it('are what "npm run reference" writes: run it when this fails, and commit the pages', () => {
    const committed = committedPages();
    const stale = [...new Set([...made.keys(), ...committed.keys()])].filter((name) => made.get(name) !== committed.get(name));
    expect(stale, `stale pages: run "npm run reference"`).toEqual([]);
  });

  it('name every page in the index', () => {
    const index = made.get('README.md') as string;
    for (const name of made.keys()) if (name !== 'README.md') expect(index, name).toContain(`](${name})`);
  });

  it('link to headings that are there', () => {
    for (const [name, page] of made) {
      const headings = anchors([...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading));
      for (const [, target = ''] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(headings, `${name}#${target}`).toContain(target);
    }
  });
});

describe('the page of a contract', () => {
  const things = contract({
    name: 'things',
    description: 'Keeps things',
    routes: {
      thing: {
        path: 'thing/{name}/{rest...}',
        summary: 'A thing.',
        help: 'Help with a | bar, a <tag> and a *star*.',
        fields: { name: text('Which thing') },
        exists: true,
        sudo: true,
        operations: {
          read: { summary: 'Read it.', output: { password: text('What opens it', { secret: true }) } },
          write: {
            summary: 'Write it.',
            input: {
              ttl: duration('How long | at most', { default: 60 }),
              mode: text('How', { allowed: ['a', 'b'] }),
              old: bool('Use mode', { deprecated: true }),
            },
          },
        },
      },
      open: {
        path: 'open',
        summary: 'Open.',
        help: '',
        fields: {},
        unauthenticated: true,
        operations: { list: { summary: 'List.', output: {} } },
      },
    },
  });
  const page = referencePage({ name: 'things', title: 'Things', place: 'box/', contract: things, source: 'things.ts' });

  it('shows what is taken: type, default, values, and what is deprecated or in the path', () => {
    expect(page).toContain('| `name` | string | in the path | Which thing. |');
    expect(page).toContain('| `ttl` | duration | `60` | How long \\| at most. |');
    expect(page).toContain('| `mode` | string |  | How. One of `a`, `b`. |');
    expect(page).toContain('| `old` | boolean |  | Use mode. Deprecated. |');
  });

  it('shows what is answered, and what is a secret', () => {
    expect(page).toContain('| `password` | string | What opens it. A secret. |');
    expect(page).toContain('Answers 204, without a body.');
  });

  it('says who may ask', () => {
    expect(page).toContain('`sudo` is needed beside the capability.');
    expect(page).toContain('capability `create` for what is not there yet, else `update`');
    expect(page).toContain('No token is needed.');
  });

  it('keeps signs of the text from becoming Markdown', () => {
    expect(page).toContain('Help with a | bar, a &lt;tag> and a \\*star\\*.');
  });
});

describe('the page of the command', () => {
  const page = made.get('commands.md') as string;

  it('has every command with its flags, examples and exit codes', () => {
    const part = /^## casemate lease revoke\n[\s\S]*?(?=^## )/m.exec(page)?.[0];
    expect(part).toContain('`casemate lease revoke [options] ID | PREFIX`');
    expect(part).toContain('| `-f`, `-force` |');
    expect(part).toContain('casemate lease revoke -sync -prefix database/creds/readonly');
    expect(part).toContain('1 for wrong use, 2 when the call failed.');
    expect(/^## casemate status\n[\s\S]*?(?=^## )/m.exec(page)?.[0]).toContain('2 has a meaning of its own.');
    expect(page).toContain('casemate server -config=server.hcl');
  });
});
