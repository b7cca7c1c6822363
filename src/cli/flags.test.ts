// Flags are read as Go's flag package reads them, down to its sentences.

import { describe, expect, it } from 'vitest';
import { bool, duration, integer, pairs, parseFlags, text, texts } from './flags.ts';

const flags = {
  version: integer('v'),
  force: bool('f', { aliases: ['f'] }),
  field: text('x'),
  mode: text('m', { default: 'fast' }),
  ttl: duration('t'),
  policy: texts('p'),
  meta: pairs('m'),
};

const parse = (...words: string[]) => parseFlags(flags, words);

describe('flags', () => {
  it('take one dash or two, and a value behind = or in the next word', () => {
    expect(parse('-field=a', '--version', '3', '-mode', 'slow', 'rest').values).toMatchObject({ field: 'a', version: 3, mode: 'slow' });
    expect(parse('--field=a=b').values['field']).toBe('a=b');
    expect(parse('-field=').values['field']).toBe('');
  });

  it('have defaults where nothing is given', () => {
    expect(parse().values).toEqual({
      mode: 'fast',
      force: false,
      policy: [],
      meta: {},
      version: undefined,
      field: undefined,
      ttl: undefined,
    });
  });

  it('that are true or false take no word, and go by all their names', () => {
    expect(parse('-f', 'true')).toMatchObject({ values: { force: true }, args: ['true'] });
    expect(parse('-force=false').values['force']).toBe(false);
    expect(parse('-f=T').values['force']).toBe(true);
  });

  it('that are repeated add up, or the last one counts', () => {
    expect(parse('-policy=a', '-policy', ' b,c ').values['policy']).toEqual(['a', 'b,c']);
    expect(parse('-meta=a=1', '-meta', 'b=2=3').values['meta']).toEqual({ a: '1', b: '2=3' });
    expect(parse('-version=1', '-version=2').values['version']).toBe(2);
  });

  it('that are durations come as seconds', () => {
    expect(['90', '1h30m', '2d', 'system'].map((value) => parse('-ttl', value).values['ttl'])).toEqual([90, 5400, 172_800, -1]);
  });

  it('end at the first argument, at a lone dash and at two dashes', () => {
    expect(parse('a', '-force').args).toEqual(['a', '-force']);
    expect(parse('-', '-force').args).toEqual(['-', '-force']);
    expect(parse('-f', '--', '-force').args).toEqual(['-force']);
  });

  it('know whether they were given', () => {
    expect([...parse('-f', '-mode=fast').given]).toEqual(['force', 'mode']);
  });

  it.each([
    [['-nosuchflag', 'a'], 'flag provided but not defined: -nosuchflag'],
    [['-toString=1'], 'flag provided but not defined: -toString'],
    [['-field'], 'flag needs an argument: -field'],
    [['---field'], 'bad flag syntax: ---field'],
    [['-=a'], 'bad flag syntax: -=a'],
    [['-version=x'], 'invalid value "x" for flag -version: strconv.ParseInt: parsing "x": invalid syntax'],
    [['-f=maybe'], 'invalid boolean value "maybe" for -f: strconv.ParseBool: parsing "maybe": invalid syntax'],
    [['-ttl=soon'], 'invalid value "soon" for flag -ttl: time: invalid duration "soon"'],
    [['-meta=a'], 'invalid value "a" for flag -meta: missing = in KV pair: "a"'],
  ])('%j are refused: %s', (words, sentence) => expect(() => parse(...words)).toThrow(sentence));
});
