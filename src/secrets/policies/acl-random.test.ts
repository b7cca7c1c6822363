// Random rules: the compiled ACL agrees with a plain reading of the algorithm.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileAcl } from './acl.ts';
import { parsePolicy } from './policy.ts';

type Word = 'read' | 'update' | 'list' | 'deny';

interface Written {
  readonly path: string;
  readonly words: readonly Word[];
}

const segment = fc.constantFrom('a', 'b', 'ab', 'ba', '+');
const rulePath = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '*', '/*', '/'))
  .map(([parts, end]) => parts.join('/') + end)
  .filter((path) => !path.includes('+*'));
const rule: fc.Arbitrary<Written> = fc.record({
  path: rulePath,
  words: fc.uniqueArray(fc.constantFrom<Word>('read', 'update', 'list', 'deny'), { maxLength: 3 }),
});
const askedPath = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'ba', 'abb'), { minLength: 1, maxLength: 5 })
  .chain((parts) => fc.constantFrom(parts.join('/'), `${parts.join('/')}/`));

describe('the compiled ACL', () => {
  it('agrees with a plain reading of the rules', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(rule, { maxLength: 5 }), { minLength: 1, maxLength: 3 }),
        askedPath,
        fc.boolean(),
        fc.constantFrom('read' as const, 'update' as const, 'list' as const),
        (policies, anyPath, fitting, operation) => {
          const first = policies.flat()[0];
          const asked = fitting && first !== undefined ? fittingPath(first.path, anyPath) : anyPath;
          const path = operation === 'list' && !asked.endsWith('/') ? `${asked}/` : asked;
          const texts = policies.map((rules) =>
            rules.map(({ path: written, words }) => `path "${written}" { capabilities = ${JSON.stringify(words)} }`).join('\n'),
          );
          const acl = compileAcl(texts.map((text, at) => parsePolicy(`p${at}`, text)));
          expect(acl.allows({ operation, path, data: {}, wrapTtl: undefined, sudo: false }).allowed).toBe(
            plainly(policies.flat(), operation, path),
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

/** As the contract says it, one sentence after the other, without any thought for speed. */
function plainly(rules: readonly Written[], operation: 'read' | 'update' | 'list', path: string): boolean {
  const paths = [...new Set(rules.map((one) => one.path))];
  const wordsOf = (written: string) => new Set(rules.filter((one) => one.path === written).flatMap((one) => one.words));
  const deciding = decidingPath(paths, wordsOf, operation, path);
  if (deciding === undefined) return false;
  const words = wordsOf(deciding);
  return !words.has('deny') && words.has(operation);
}

function decidingPath(paths: readonly string[], wordsOf: (path: string) => Set<Word>, operation: string, path: string): string | undefined {
  const lists = operation === 'list' && path.endsWith('/');
  const bare = path.slice(0, -1);
  const exact = paths.filter((written) => !isGlob(written));
  if (exact.includes(path)) return path;
  if (lists && exact.includes(bare)) return bare;
  const globs = paths.filter(isGlob);
  const first = best(globs.filter((written) => patternOf(written).test(path)));
  if (!lists) return first;
  const second = best(globs.filter((written) => patternOf(written).test(bare)));
  if (first === undefined || second === undefined) return first ?? second;
  return wordsOf(second).has('deny') && best([first, second]) === second ? second : first;
}

/** A path that the rule matches, with the wildcards filled from another path. */
function fittingPath(written: string, filling: string): string {
  const parts = filling.split('/');
  return written
    .split('/')
    .map((part, at) => (part === '+' ? (parts[at] ?? 'a') : part))
    .join('/')
    .replace(/\*$/, filling);
}

function isGlob(written: string): boolean {
  return written.endsWith('*') || written.split('/').includes('+');
}

function patternOf(written: string): RegExp {
  const star = written.endsWith('*');
  const parts = (star ? written.slice(0, -1) : written).split('/').map((part) => (part === '+' ? '[^/]*' : part));
  return new RegExp(`^${parts.join('/')}${star ? '.*' : ''}$`);
}

/** Later first wildcard, no star, fewer pluses, longer, lexicographically larger. */
function best(written: readonly string[]): string | undefined {
  const rank = (path: string) => [path.search(/[+*]/), path.endsWith('*') ? 0 : 1, -path.split('+').length, path.length];
  return [...written]
    .sort((one, other) => {
      const ranks = rank(other);
      const difference = rank(one).map((value, at) => value - (ranks[at] as number));
      return difference.find((value) => value !== 0) ?? (one < other ? -1 : 1);
    })
    .at(-1);
}
