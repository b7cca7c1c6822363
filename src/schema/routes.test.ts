// Which route a path belongs to, and what a handler gets of what was sent.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import type { Contract, RouteSpec, Verb } from './contract.ts';
import { bool, commas, duration, type Fields, integer, name, pairs, text } from './fields.ts';
import { type CompiledContract, compileContract, type Match, type Prepared, prepare } from './routes.ts';

const path = text('Where');

function contractOf(paths: Readonly<Record<string, string>>, more: Partial<RouteSpec> = {}): CompiledContract {
  const route = (pattern: string): RouteSpec => {
    const captures = [...pattern.matchAll(/\{([^}.]+)/g)].map((found) => [found[1] as string, path] as const);
    return {
      path: pattern,
      summary: 's',
      help: 'h',
      fields: Object.fromEntries(captures),
      operations: { read: { summary: 's' } },
      ...more,
    };
  };
  const routes = Object.fromEntries(Object.entries(paths).map(([key, pattern]) => [key, route(pattern)]));
  return compileContract({ name: 'test', description: 'd', routes });
}

function found(contract: CompiledContract, requested: string): string {
  const match = contract.match(requested);
  return match === undefined ? 'nothing' : [match.route.name, ...match.captured.map((part) => `<${part}>`)].join(' ');
}

describe('a path', () => {
  const contract = contractOf({
    root: '',
    config: 'config',
    role: 'role/{name}',
    roleId: 'role/{name}/role-id',
    secretId: 'role/{name}/secret-id/{accessor}',
    lookup: 'role/lookup',
    data: 'data/{path...}',
    dataInfo: 'data/info',
    mount: 'mounts/{path...}',
    tune: 'mounts/{path...}/tune',
    deepTune: 'mounts/{path...}/deep/tune',
  });

  it.each([
    ['', 'root'],
    ['/', 'root'],
    ['config', 'config'],
    ['config/', 'config'],
    ['config//', 'nothing'],
    ['config/x', 'nothing'],
    ['Config', 'nothing'],
    ['role', 'nothing'],
    ['role/', 'nothing'],
    ['role/a', 'role <a>'],
    ['role/a/', 'role <a>'],
    ['role/a/b', 'nothing'],
    ['role//role-id', 'nothing'],
    ['role/lookup', 'lookup'],
    ['role/lookup/role-id', 'roleId <lookup>'],
    ['role/a/role-id', 'roleId <a>'],
    ['role/a/secret-id/b', 'secretId <a> <b>'],
    ['role/a/secret-id/b/c', 'nothing'],
    ['data', 'data <>'],
    ['data/', 'data <>'],
    ['data/a', 'data <a>'],
    ['data/a/', 'data <a/>'],
    ['data/a/b//c', 'data <a/b//c>'],
    ['data/info', 'dataInfo'],
    ['data/info/', 'dataInfo'],
    ['data/info/x', 'data <info/x>'],
    ['mounts/a/b', 'mount <a/b>'],
    ['mounts/a/b/tune', 'tune <a/b>'],
    ['mounts/a/b/tune/', 'tune <a/b>'],
    ['mounts/tune', 'mount <tune>'],
    ['mounts/tune/tune', 'tune <tune>'],
    ['mounts/a/fortune', 'mount <a/fortune>'],
    ['mounts/a/deep/tune', 'deepTune <a>'],
    ['mounts/a/tune/b', 'mount <a/tune/b>'],
    ['elsewhere', 'nothing'],
    ['__proto__', 'nothing'],
    ['constructor', 'nothing'],
  ])('%j is %s', (requested, expected) => expect(found(contract, requested)).toBe(expected));

  it('goes to a literal before a parameter before the rest, whatever the order they were written in', () => {
    const written = { rest: '{a...}', parameter: '{a}', literal: 'x', inner: 'x/{b}', both: '{a}/y', innerRest: 'x/{b...}' };
    const forwards = contractOf(written);
    const backwards = contractOf(Object.fromEntries(Object.entries(written).reverse()));
    for (const [requested, expected] of [
      ['x', 'literal'],
      ['z', 'parameter <z>'],
      ['x/y', 'inner <y>'],
      ['z/y', 'both <z>'],
      ['x/y/z', 'innerRest <y/z>'],
      ['z/z', 'rest <z/z>'],
      ['', 'rest <>'],
    ] as const) {
      expect(found(forwards, requested)).toBe(expected);
      expect(found(backwards, requested)).toBe(expected);
    }
  });

  it('leaves no captures of a branch that led nowhere', () => {
    const branching = contractOf({ deep: '{a}/{b}/end', rest: '{c...}' });
    expect(found(branching, 'x/y/end')).toBe('deep <x> <y>');
    expect(found(branching, 'x/y/other')).toBe('rest <x/y/other>');
  });

  it('may be anything at all', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.constantFrom('a', 'tune', 'role', 'data', 'mounts', '')),
        (noise, segments) => {
          for (const requested of [noise, segments.join('/')]) {
            const match = contract.match(requested);
            if (match !== undefined) expect(match.captured).toHaveLength(match.route.captures.length);
          }
        },
      ),
    );
  });
});

const fields = {
  path: name('Where'),
  ttl: duration('How long', { default: 60 }),
  kind: text('Which', { allowed: ['one', 'two'] }),
  count: integer('How many'),
} as const satisfies Fields;

function routeOf(spec: Partial<RouteSpec> = {}, requested = 'thing/Abc'): Match {
  const contract: Contract = {
    name: 'test',
    description: 'd',
    routes: {
      thing: {
        path: 'thing/{path}',
        summary: 's',
        help: 'h',
        fields,
        operations: {
          read: { summary: 's', input: { version: integer('Which version') } },
          write: { summary: 's', input: { names: commas('Names', { default: [] }), meta: pairs('Meta'), on: bool('On') } },
        },
        ...spec,
      },
    },
  };
  return compileContract(contract).match(requested) as Match;
}

describe('what a handler gets', () => {
  const prepared = (data: Record<string, unknown>, verb: Verb = 'write', spec: Partial<RouteSpec> = {}): Prepared =>
    prepare(routeOf(spec), verb, data);

  it('is what was sent, in its type, with defaults for the rest and the path on top', () => {
    expect(prepared({ ttl: '1h', count: '7', names: 'a,b', meta: ['x=y'], on: 'true', kind: 'two' })).toStrictEqual({
      input: { ttl: 3600, names: ['a', 'b'], count: 7, meta: { x: 'y' }, on: true, kind: 'two', path: 'abc' },
      ignored: [],
      replaced: [],
    });
    expect(prepared({}).input).toStrictEqual({ ttl: 60, names: [], path: 'abc' });
    expect(prepared({ ttl: 0 }).input).toMatchObject({ ttl: 0 });
  });

  it('differs by operation', () => {
    expect(prepared({ version: '3', names: 'a' }, 'read')).toStrictEqual({
      input: { ttl: 60, version: 3, path: 'abc' },
      ignored: ['names'],
      replaced: [],
    });
    expect(prepared({ version: '3' }, 'write').ignored).toStrictEqual(['version']);
  });

  it('leaves out parameters that nobody knows and names them in order', () => {
    expect(prepared({ zebra: 1, apple: 2, ttl: 5 })).toStrictEqual({
      input: { ttl: 5, names: [], path: 'abc' },
      ignored: ['apple', 'zebra'],
      replaced: [],
    });
    expect(prepared({ zebra: 1 }, 'write', { arbitrary: true }).ignored).toStrictEqual([]);
    expect(prepared(JSON.parse('{"__proto__":{"ttl":1}}') as Record<string, unknown>)).toStrictEqual({
      input: { ttl: 60, names: [], path: 'abc' },
      ignored: ['__proto__'],
      replaced: [],
    });
    expect(prepared({ toString: 1, constructor: 2 }).ignored).toStrictEqual(['constructor', 'toString']);
  });

  it("has the path's value of a parameter that was also sent, and names it", () => {
    expect(prepared({ path: 'other' })).toMatchObject({ input: { path: 'abc' }, ignored: [], replaced: ['path'] });
    expect(prepared({ path: 'other' }, 'write', { arbitrary: true }).replaced).toStrictEqual([]);
  });

  it('is folded in the path as it is in the body', () => {
    expect(prepare(routeOf({}, 'thing/UPPER'), 'write', {}).input['path']).toBe('upper');
  });

  it('is one of the allowed values', () => {
    expect(() => prepared({ kind: 'three' })).toThrow(Fault);
    expect(() => prepared({ kind: 'three' })).toThrow('invalid value for field "kind": must be one of one, two');
  });

  it('is refused with the name of the field', () => {
    expect(() => prepared({ count: 'x' })).toThrow(
      `error converting input for field "count": '' cannot parse value as 'int': strconv.ParseInt: invalid syntax`,
    );
  });

  it('cannot change the defaults of the next request', () => {
    const match = routeOf();
    expect(() => (prepare(match, 'write', {}).input['names'] as string[]).push('left behind')).toThrow(TypeError);
    expect(prepare(match, 'write', {}).input['names']).toStrictEqual([]);
  });
});
