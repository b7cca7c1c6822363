// The count and the table as an operator sees them: every object in one row, and what is not as it should be by name.

import { expect, test } from 'vitest';
import { createCount } from './count.ts';
import { namedLines, scanReport, tableLines } from './table.ts';
import { message } from './wire/protobuf.ts';

const clear = Buffer.from('k8s\0...');

function sealed(provider: string, key: string): Buffer {
  return Buffer.from(`k8s:enc:${provider}:v1:${key}:xyz`);
}

function sealedByKms(name: string, keyId: string): Buffer {
  return Buffer.concat([
    Buffer.from(`k8s:enc:kms:v2:${name}:`),
    message([
      [1, Buffer.from('x')],
      [2, Buffer.from(keyId)],
    ]),
  ]);
}

function mixed(mostNamed?: number) {
  const count = createCount({ mostNamed, expected: (resource, { key }) => resource !== 'secrets' || key === 'new' });
  count.add('/registry/secrets/b/one', sealed('aescbc', 'old'));
  count.add('/registry/secrets/a/two', clear);
  count.add('/registry/secrets/a/three', sealed('aescbc', 'new'));
  count.add(Buffer.from('/registry/secrets/a/four'), sealed('aescbc', 'new'));
  count.add('/registry/configmaps/a/five', clear);
  count.add('/registry/ranges/serviceips', clear);
  return count.result();
}

test('objects are counted by resource, provider and key, with the bytes that they take', () => {
  const { rows, named } = mixed();
  expect(rows).toEqual([
    { resource: 'configmaps', provider: 'identity', key: '', objects: 1, bytes: clear.length },
    { resource: 'secrets', provider: 'aescbc', key: 'new', objects: 2, bytes: 2 * sealed('aescbc', 'new').length },
    { resource: 'secrets', provider: 'aescbc', key: 'old', objects: 1, bytes: sealed('aescbc', 'old').length },
    { resource: 'secrets', provider: 'identity', key: '', objects: 1, bytes: clear.length },
  ]);
  expect(named.count).toBe(2);
  expect(namedLines({ rows, named })).toEqual(['secrets a/two: in clear', 'secrets b/one: sealed by aescbc with old']);
});

test('however many objects are wrong, their number is exact and the names end', () => {
  const count = mixed(1);
  expect(count.named.count).toBe(2);
  expect(namedLines(count)).toEqual(['secrets b/one: sealed by aescbc with old', '… and 1 more']);
});

test('the table has aligned columns, and a line for what was looked for and is not there', () => {
  expect(tableLines({ ...mixed(), resources: ['secrets', 'configmaps', 'widgets.example.com'] })).toEqual([
    'RESOURCE             PROVIDER  KEY  OBJECTS',
    'configmaps           identity  -          1',
    'secrets              aescbc    new        2',
    'secrets              aescbc    old        1',
    'secrets              identity  -          1',
    'widgets.example.com  -         -          0',
  ]);
});

test('the ids of KMS keys have a column of their own when there are any, and rows of their own', () => {
  const count = createCount();
  count.add('/registry/secrets/a/one', sealedByKms('vault', 'v1'));
  count.add('/registry/secrets/a/two', sealedByKms('vault', 'v2'));
  count.add('/registry/secrets/a/three', sealedByKms('vault', `v3-${'x'.repeat(100)}`));
  expect(tableLines(count.result())).toEqual([
    'RESOURCE  PROVIDER  KEY    OBJECTS  KEY ID',
    'secrets   kms-v2    vault        1  v1',
    'secrets   kms-v2    vault        1  v2',
    `secrets   kms-v2    vault        1  v3-${'x'.repeat(44)}…`,
  ]);
});

test('a name that would move the cursor of a terminal is shown without its teeth', () => {
  const count = createCount({ expected: () => false });
  count.add('/registry/secrets/a/\u001b[2Jx', sealed('aescbc', '\u001b[31mkey'));
  expect([...tableLines(count.result()), ...namedLines(count.result())].join('\n')).not.toContain('\u001b');
});

test('machines read the same numbers', () => {
  const report = scanReport({ ...mixed(), revision: 12_345_678_901_234_567n });
  expect(report.revision).toBe('12345678901234567');
  expect(report.rows[1]).toEqual({ resource: 'secrets', provider: 'aescbc', key: 'new', count: 2, bytes: 50 });
  expect(report.unexpected).toEqual({
    count: 2,
    objects: [
      { resource: 'secrets', namespace: 'a', name: 'two', provider: 'identity', key: '' },
      { resource: 'secrets', namespace: 'b', name: 'one', provider: 'aescbc', key: 'old' },
    ],
  });
});

test('of nothing there is no table', () => {
  expect(tableLines(createCount().result())).toEqual([]);
});
