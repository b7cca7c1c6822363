// Rules for parameters: what must be there, what must not, and what values may be.

import { describe, expect, it } from 'vitest';
import type { Operation } from '../core/engine.ts';
import { compileAcl } from './acl.ts';
import { parsePolicy } from './policy.ts';

const judge =
  (rules: string, operation: Operation = 'update') =>
  (data: Readonly<Record<string, unknown>>): boolean => {
    const acl = compileAcl([
      parsePolicy('p', `path "a" { capabilities = ["create", "read", "update", "patch", "delete", "list"] ${rules} }`),
    ]);
    return acl.allows({ operation, path: operation === 'list' ? 'a/' : 'a', data, wrapTtl: undefined, sudo: false }).allowed;
  };

describe('required parameters', () => {
  it('must all be there, also where nothing was sent', () => {
    const allows = judge('required_parameters = ["x", "y"]');
    expect([allows({ x: 1, y: '' }), allows({ x: 1 }), allows({})]).toEqual([true, false, false]);
  });

  it('are lower case, as engines read them', () => {
    const allows = judge('required_parameters = ["Name"]');
    expect([allows({ name: 1 }), allows({ Name: 1 })]).toEqual([true, false]);
  });

  it('are not satisfied by what every object has', () => {
    expect(judge('required_parameters = ["constructor"]')({ x: 1 })).toBe(false);
  });
});

describe('denied parameters', () => {
  it('deny any value where their list is empty, and the listed ones otherwise', () => {
    const allows = judge('denied_parameters = { "x" = [], "y" = ["1", "b*"] }');
    expect([{ x: 'anything' }, { y: '1' }, { y: 'bad' }, { y: '2' }, { z: '1' }].map(allows)).toEqual([false, false, false, true, true]);
  });

  it('deny everything but an empty request with a star', () => {
    const allows = judge('denied_parameters = { "*" = [] }');
    expect([allows({ x: 1 }), allows({})]).toEqual([false, true]);
  });

  it('win over the allowed ones', () => {
    expect(judge('allowed_parameters = { "x" = [] } denied_parameters = { "x" = ["1"] }')({ x: '1' })).toBe(false);
  });

  it('are found in any spelling, also where two spellings are sent', () => {
    const allows = judge('denied_parameters = { "x" = ["bad"] }');
    expect([{ X: 'bad' }, { x: 'bad', X: 'good' }, { X: 'bad', x: 'good' }].map(allows)).toEqual([false, false, false]);
  });
});

describe('allowed parameters', () => {
  it('allow nothing beside themselves', () => {
    const allows = judge('allowed_parameters = { "x" = ["1", "2*", "*3"], "y" = [] }');
    const values = ['1', '2', '22', '13', '3', '12', '4'].map((x) => allows({ x }));
    expect(values).toEqual([true, true, true, true, true, false, false]);
    expect([allows({ y: 'any' }), allows({ w: '1' }), allows({ x: '1', w: '1' }), allows({})]).toEqual([true, false, false, true]);
  });

  it('allow everything with a lone star, and everything else beside one', () => {
    expect(judge('allowed_parameters = { "*" = [] }')({ x: 1, y: 2 })).toBe(true);
    const allows = judge('allowed_parameters = { "*" = [], "x" = ["1"] }');
    expect([allows({ y: 2 }), allows({ x: '1', y: 2 }), allows({ x: '2' })]).toEqual([true, true, false]);
  });

  it('are found in any spelling, also where two spellings are sent', () => {
    const allows = judge('allowed_parameters = { "x" = ["good"] }');
    expect([{ X: 'good' }, { x: 'bad', X: 'good' }, { X: 'bad', x: 'good' }].map(allows)).toEqual([true, false, false]);
  });

  it('compare numbers, booleans and lists as what they are', () => {
    const allows = judge('allowed_parameters = { "x" = [1, true, ["a", "b"]] }');
    expect([1, true, ['a', 'b'], '1', 'true', ['a']].map((x) => allows({ x }))).toEqual([true, true, true, false, false, false]);
  });

  it.each([
    ['*a*', { bab: true, a: true, b: false }],
    ['*', { '*': true, a: false }],
    ['**', { '': true, a: true }],
    ['a*b', { 'a*b': true, axb: false }],
  ])('take the text %s as a pattern', (pattern, cases) => {
    const allows = judge(`allowed_parameters = { "x" = ["${pattern}"] }`);
    expect(Object.fromEntries(Object.keys(cases).map((x) => [x, allows({ x })]))).toEqual(cases);
  });
});

describe('rules for parameters', () => {
  it.each(['create', 'read', 'update', 'patch'] as const)('hold for %s', (operation) => {
    expect(judge('denied_parameters = { "x" = [] }', operation)({ x: 1 })).toBe(false);
  });

  it.each(['list', 'delete'] as const)('do not hold for %s', (operation) => {
    expect(judge('denied_parameters = { "x" = [] } required_parameters = ["y"]', operation)({ x: 1 })).toBe(true);
  });
});
