// What stands in a line of the log, and what never does.

import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { jsonLog, type Log, type LogLevel, logLevels, silentLog } from './log.ts';

function capture(level: LogLevel): { readonly log: Log; readonly lines: string[]; readonly parsed: () => Record<string, unknown>[] } {
  const lines: string[] = [];
  const log = jsonLog({ level, write: (line) => lines.push(line), now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a line', () => {
  it('is one JSON object with time, level, message and the fields, in this order', () => {
    const { log, lines } = capture('info');
    log.info('a lease was revoked', { lease_id: 'a/b', count: 2, none: undefined, list: [1, null] });
    expect(lines).toStrictEqual([
      '{"time":"2026-01-02T03:04:05.006Z","level":"info","message":"a lease was revoked","lease_id":"a/b","count":2,"list":[1,null]}\n',
    ]);
  });

  it('stays one line whatever the fields hold', () => {
    const { log, lines } = capture('info');
    log.info('a name came in', { name: 'a\nb\r\u2028"\\\0' });
    expect(lines[0]?.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ name: 'a\nb\r\u2028"\\\0' });
  });

  it('has the fixed fields of its log, which later ones replace', () => {
    const { log, parsed } = capture('info');
    const inner = log.with({ mount: 'kv/', shard: 1 }).with({ shard: 2 });
    inner.info('one');
    inner.info('two', { mount: 'other/' });
    log.info('three');
    expect(parsed()).toMatchObject([
      { message: 'one', mount: 'kv/', shard: 2 },
      { message: 'two', mount: 'other/', shard: 2 },
      { message: 'three' },
    ]);
    expect(parsed()[2]).not.toHaveProperty('mount');
  });

  it('keeps its time, level and message, whatever the fields are called', () => {
    const { log, parsed } = capture('info');
    log.with({ level: 'none' }).warn('a device failed', { message: 'from a stranger', time: 'never' });
    expect(parsed()[0]).toStrictEqual({ time: '2026-01-02T03:04:05.006Z', level: 'warn', message: 'a device failed' });
  });

  it.each([
    ['a bigint', { size: 12n }, { size: '12' }],
    ['a bigint deep inside', { a: [{ size: 12n }] }, { a: [{ size: '12' }] }],
    ['a function', { f: () => 1 }, {}],
    ['a symbol', { s: Symbol('s') }, {}],
  ])('is written though a field holds %s', (_what, fields, shown) => {
    const { log, parsed } = capture('info');
    log.info('odd', fields);
    expect(parsed()[0]).toStrictEqual({ time: '2026-01-02T03:04:05.006Z', level: 'info', message: 'odd', ...shown });
  });

  it('names the fields that cannot be written and is written all the same', () => {
    const { log, parsed } = capture('info');
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const throwing = {
      toJSON() {
        throw new Error('no');
      },
    };
    log.info('a circle', { circle, mount: 'kv/' });
    log.info('throws', { throwing });
    expect(parsed()).toMatchObject([
      { level: 'info', message: 'a circle', unprintable: ['circle', 'mount'] },
      { level: 'info', message: 'throws', unprintable: ['throwing'] },
    ]);
  });
});

describe('an error among the fields', () => {
  const chain = new Fault('storage-failed', 'the entry cannot be read', {
    cause: Object.assign(new Error('EIO'), { code: 'EIO', cause: new TypeError('deepest') }),
  });

  it('is its name, message, code and causes, without a stack', () => {
    const { log, lines, parsed } = capture('info');
    log.error('a request failed', { error: chain });
    expect(parsed()[0]?.['error']).toStrictEqual({
      name: 'Fault',
      message: 'the entry cannot be read',
      code: 'storage-failed',
      cause: { name: 'Error', message: 'EIO', code: 'EIO', cause: { name: 'TypeError', message: 'deepest' } },
    });
    expect(lines[0]).not.toContain('log.test');
  });

  it.each(['debug', 'trace'] as const)('brings its stack along at level %s', (level) => {
    const { log, lines } = capture(level);
    log.error('a request failed', { error: chain });
    expect(lines[0]).toContain('log.test');
  });

  it('may be its own cause', () => {
    const { log, parsed } = capture('info');
    const error = new Error('round');
    error.cause = error;
    log.error('a request failed', { error });
    expect(parsed()[0]).toMatchObject({ message: 'a request failed', error: { message: 'round' } });
  });
});

describe('levels', () => {
  it.each(logLevels)('from %s upwards are written, those below are not', (threshold) => {
    const { log, parsed } = capture(threshold);
    for (const level of logLevels) log[level]('said');
    expect(parsed().map(({ level }) => level)).toStrictEqual(logLevels.slice(logLevels.indexOf(threshold)));
  });

  it('hold for a log with fixed fields too', () => {
    const { log, lines } = capture('warn');
    log.with({ a: 1 }).info('quiet');
    expect(lines).toStrictEqual([]);
  });

  it('do not matter to the silent log', () => {
    expect(() => silentLog.with({ a: 1 }).error('nobody hears this', { error: new Error('x') })).not.toThrow();
  });
});
