// Renaming as a function of bytes: each LIST, SCAN and HELP and no other verb, however they are cut.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRenamer, refusedVerb } from './list-verb.ts';

const head = (verb: string, path: string, ...headers: string[]) =>
  `${verb} ${path} HTTP/1.1\r\n${['Host: x', ...headers].map((line) => `${line}\r\n`).join('')}\r\n`;
const withBody = (verb: string, path: string, body: string) => head(verb, path, `Content-Length: ${body.length}`) + body;
const chunked = (verb: string, path: string, ...chunks: string[]) =>
  `${head(verb, path, 'Transfer-Encoding: chunked')}${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

describe('renaming', () => {
  const body = fc.constantFrom('', 'a', 'LIST /x HTTP/1.1\r\n\r\n', 'LINK ', '\r\n\r\n', 'SCAN ');
  const verb = fc.constantFrom(
    'GET',
    'POST',
    'LIST',
    'SCAN',
    'HELP',
    'LINK',
    'COPY',
    'BIND',
    'LISTS',
    'HEAD',
    'LIN',
    'L',
    'LI',
    'SC',
    'HEL',
  );
  const framed = fc.record({
    verb,
    bodies: fc.array(body, { maxLength: 3 }),
    gap: fc.constantFrom('', '\r\n', '\n'),
    isChunked: fc.boolean(),
  });

  it('changes the verb of each LIST and each spare verb and nothing else, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(framed, { maxLength: 5 }), fc.array(fc.nat({ max: 40 })), (requests, cuts) => {
        const write = (swapped: Readonly<Record<string, string>>) =>
          requests
            .map(({ verb, bodies, gap, isChunked }) => {
              const name = swapped[verb] ?? verb;
              const chunks = bodies.filter((chunk) => chunk !== '');
              return gap + (isChunked ? chunked(name, '/a', ...chunks) : withBody(name, '/a', bodies.join('')));
            })
            .join('');
        const rename = createRenamer();
        const sent = Buffer.from(write({}));
        let [at, out] = [0, ''];
        for (const cut of [...cuts, sent.length]) {
          out += rename(Buffer.from(sent.subarray(at, at + cut))).toString('latin1');
          at += cut;
        }
        expect(out).toBe(write({ LIST: 'LINK', LINK: 'LIST', SCAN: 'COPY', COPY: 'SCAN', HELP: 'BIND', BIND: 'HELP' }));
      }),
      { numRuns: 500 },
    );
  });

  it('holds back the letters of an unfinished verb and not a byte more', () => {
    const rename = createRenamer();
    const through = (packet: string) => rename(Buffer.from(packet)).toString();
    expect(through('LIS')).toBe('');
    expect(through('T')).toBe('');
    expect(through(' /a')).toBe('LINK /a');
    expect(through(' HTTP/1.1\r\nHo')).toBe(' HTTP/1.1\r\nHo');
    expect(through('st: x\r\n\r\nLI')).toBe('st: x\r\n\r\n');
    expect(through('LY')).toBe('LILY');
  });

  it('takes the lines of a trailer for nothing else', () => {
    const body = `${head('POST', '/a', 'Transfer-Encoding: chunked')}0\r\nA: b\r\nContent-Length: 900\r\nC: d\r\n\r\n`;
    expect(createRenamer()(Buffer.from(body + head('LIST', '/b'))).toString()).toBe(body + head('LINK', '/b'));
  });

  it.each([
    ['two lengths', ['Content-Length: 3', 'Content-Length: 3']],
    ['a length and chunks', ['Content-Length: 3', 'Transfer-Encoding: chunked']],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 3']],
    ['chunks twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['a length that is none', ['Content-Length: 3x']],
    ['a length with a sign', ['Content-Length: +3']],
    ['no length at all', ['Content-Length:']],
    ['an encoding without chunks', ['Transfer-Encoding: gzip']],
    ['chunks that are encoded once more', ['Transfer-Encoding: chunked, gzip']],
    ['a length on a line of its own', ['Content-Length:', ' 3']],
  ])('throws away what follows a head that cannot be understood: %s', (_what, headers) => {
    const unclear = head('POST', '/a', ...headers);
    const rename = createRenamer();
    expect(rename(Buffer.from(unclear + head('LIST', '/b'))).toString()).toBe(unclear);
    expect(rename(Buffer.from(head('LIST', '/c'))).toString()).toBe('');
  });

  it.each(['x\r\n', '-1\r\n', ' 3\r\n', '\r\n', '3\r\nabcd\r\n', `${'f'.repeat(14)}\r\n`])(
    'throws away what follows a broken chunk: %j',
    (broken) => {
      const rename = createRenamer();
      const begun = head('POST', '/a', 'Transfer-Encoding: chunked');
      expect(begun + broken).toContain(rename(Buffer.from(begun + broken + head('LIST', '/b'))).toString());
      expect(rename(Buffer.from(head('LIST', '/c'))).toString()).toBe('');
    },
  );

  it('leaves the packet of the parser alone', () => {
    const packet = Buffer.from('xLIST /a');
    const found = refusedVerb(packet, 3) as Buffer;
    createRenamer()(found);
    expect(packet.toString()).toBe('xLIST /a');
  });

  it.each([
    ['LIST /a', 2, 'LIST /a'],
    ['GET / HTTP/1.1\r\n\r\nLIST /a', 20, 'LIST /a'],
    ['IST /a', 1, 'LIST /a'],
    ['ST /a', 0, 'LIST /a'],
    ['S', 0, 'LIS'],
    ['LIS', 2, 'LIS'],
    ['SCAN /a', 1, 'SCAN /a'],
    ['CAN /a', 0, 'SCAN /a'],
    ['SC', 1, 'SC'],
    ['HELP /a', 2, 'HELP /a'],
    ['LP /a', 0, 'HELP /a'],
    ['ELP /a', 1, 'HELP /a'],
    ['GET / HTTP/1.1\r\n\r\nSCAN /a', 19, 'SCAN /a'],
    ['SCAR /a', 1, undefined],
    ['HELM /a', 2, undefined],
    ['LISP /a', 2, undefined],
    ['POST LIST', 7, 'LIST'],
    ['XXST /a', 2, undefined],
    ['S /a', 0, undefined],
    ['', 0, undefined],
    ['LI', 2, undefined],
  ])('begins at the verb that was refused: %j at %d', (packet, at, expected) => {
    expect(refusedVerb(Buffer.from(packet), at)?.toString()).toBe(expected);
  });

  it('begins nowhere without a packet', () => expect(refusedVerb(undefined, 0)).toBeUndefined());
});
