// Deadlines and sentences in the headers of gRPC.

import { describe, expect, it } from 'vitest';
import { Fault } from '../../../base/fault.ts';
import { escaped, httpRefusal, refusalHead, timeoutIn } from './head.ts';

describe('a deadline', () => {
  it.each([
    ['2S', 2_000],
    ['1H', 3_600_000],
    ['3M', 180_000],
    ['2999m', 2_999],
    ['1500u', 1.5],
    ['99999999n', 99.999999],
    ['0m', 0],
  ])('%s has %d ms', (value, expected) => expect(timeoutIn(value)).toBeCloseTo(expected, 6));

  it.each(['', 'm', '5', '5s', '-5m', '5 m', '123456789m', '1e3m', '٣m', '5mm'])('%j is none', (value) =>
    expect(timeoutIn(value)).toBeUndefined(),
  );

  it('is none when it stands there twice', () => expect(timeoutIn(['1S', '2S'])).toBeUndefined());
});

describe('a sentence', () => {
  it.each([
    ['plain words, as they are: "yes"', 'plain words, as they are: "yes"'],
    ['100 % of it', '100 %25 of it'],
    ['Schlüssel', 'Schl%C3%BCssel'],
    ['two\r\nlines', 'two%0D%0Alines'],
    ['a key 🔑', 'a key %F0%9F%94%91'],
    ['half \ud83d of it', 'half %EF%BF%BD of it'],
  ])('%j travels as %s', (words, expected) => {
    expect(escaped(words)).toBe(expected);
    expect(decodeURIComponent(escaped(words))).toBe(words.toWellFormed());
  });

  it('is cut when it is long', () => expect(escaped('é'.repeat(100_000))).toHaveLength(6 * 1_024));
});

describe('headers', () => {
  it('of a refusal hold its status and what may be sent', () =>
    expect(refusalHead(new Fault('too-large', 'no'))).toEqual({
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity',
      'grpc-status': '8',
      'grpc-message': 'no',
    }));

  it.each([
    ['POST', 'application/grpc', undefined],
    ['POST', 'application/grpc+proto', undefined],
    ['POST', 'application/grpc;charset=utf-8', undefined],
    ['POST', 'application/grpcx', 415],
    ['POST', 'application/json', 415],
    ['POST', undefined, 415],
    ['GET', 'application/grpc', 405],
  ])('%s of %s', (method, type, expected) => expect(httpRefusal({ ':method': method, 'content-type': type })).toBe(expected));
});
