// Single changes of a YAML text do what they say and touch nothing else, however the text is laid out.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { appended, removed, replaced } from './manifest-splice.ts';

const word = fc.constantFrom('a', 'plain words', 'with: colon', '# hash', "it's", '"quoted"', '--flag=x,y', '007', 'true', 'ends with:');
const plain = { noNullPrototype: true };
const entry = fc.oneof(
  word,
  fc.record({ name: word, path: word }, plain),
  fc.record({ name: word, inner: fc.record({ path: word, type: word }, plain) }, plain),
);
const content = fc.record({ list: fc.array(entry, { minLength: 1, maxLength: 5 }), after: word }, plain);

/** The same content in the layouts that programs and people write. */
const layouts: readonly ((value: unknown) => string)[] = [
  (value) => stringify(value, { indentSeq: false, lineWidth: 0 }),
  (value) => stringify(value, { indent: 4 }),
  (value) => stringify(value, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 20 }),
  (value) => stringify(value, { indentSeq: false, singleQuote: true }).replaceAll('\n', '   # why\n'),
  (value) => `# head\n\n${stringify(value).replaceAll('\n- ', '\n\n# of the next\n- ')}\n# tail\n`,
  (value) => JSON.stringify(value),
  (value) => `${JSON.stringify(value, undefined, 2)}\n`,
  (value) => stringify(value, { collectionStyle: 'flow', lineWidth: 30 }),
];

test.each(layouts.keys().toArray())('in layout %i an entry comes to the end of a list, and goes again', (index) => {
  const layout = layouts[index] as (value: unknown) => string;
  fc.assert(
    fc.property(content, entry, (value, addition) => {
      const before = layout({ spec: value });
      const after = appended(before, ['spec', 'list'], addition, 'x');
      expect(parse(after)).toEqual({ spec: { ...value, list: [...value.list, addition] } });
      expect(removed(after, ['spec', 'list', value.list.length], 'x')).toBe(before);
    }),
    { numRuns: 20 },
  );
});

test.each(layouts.keys().toArray())('in layout %i the first entry goes, and the others stay', (index) => {
  const layout = layouts[index] as (value: unknown) => string;
  fc.assert(
    fc.property(content, (value) => {
      const after = parse(removed(layout({ spec: value }), ['spec', 'list', 0], 'x')) as { spec: unknown };
      const [, ...rest] = value.list;
      expect(after.spec).toEqual(rest.length === 0 ? { after: value.after } : { list: rest, after: value.after });
    }),
    { numRuns: 20 },
  );
});

test.each(layouts.keys().toArray())('in layout %i a value is replaced in its place, and members are added', (index) => {
  const layout = layouts[index] as (value: unknown) => string;
  fc.assert(
    fc.property(content, word, (value, other) => {
      const before = layout({ spec: value });
      const after = replaced(before, ['spec', 'after'], other, 'x');
      expect(parse(after)).toEqual({ spec: { ...value, after: other } });
      expect(parse(replaced(before, ['spec', 'fresh'], other, 'x'))).toEqual({ spec: { ...value, fresh: other } });
      if (other === value.after) expect(after).toBe(before);
    }),
    { numRuns: 20 },
  );
});

test('what is tied to another place by an alias is left alone', () => {
  const text = 'spec:\n  list: &all\n  - a\n  - b\n  again: *all\n';
  expect(() => appended(text, ['spec', 'list'], 'c', 'manifest.yaml')).toThrow(/^manifest.yaml is written in a way that cannot be changed/);
  expect(() => removed(text, ['spec', 'list', 0], 'manifest.yaml')).toThrow(/by hand/);
});

test('a text with a comma is quoted where it stands in a list of one line', () => {
  expect(replaced('{ list: [ a, b ] }', ['list', 0], '--flag=x,y', 'x')).toBe('{ list: [ "--flag=x,y", b ] }');
});
