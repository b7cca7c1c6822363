// Stdin by lines and as a whole; what is typed in secret is not shown.

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { streamInput } from './terminal.ts';

/** A terminal that gives what is typed, chunk by chunk. */
function terminal(...chunks: string[]) {
  const stream = new PassThrough();
  const modes: boolean[] = [];
  const asTerminal = Object.assign(stream, { isTTY: true, setRawMode: (mode: boolean) => modes.push(mode) });
  for (const chunk of chunks) stream.write(chunk);
  return { input: streamInput(asTerminal as unknown as NodeJS.ReadStream), modes, stream };
}

function pipe(...chunks: string[]) {
  const stream = new PassThrough();
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return streamInput(stream as unknown as NodeJS.ReadStream);
}

describe('piped input', () => {
  it('is read line by line, also without a last line end', async () => {
    const input = pipe('one\r\nt', 'wo\nth', 'ree');
    const lines = [await input.line({ hidden: true }), await input.line({ hidden: false }), await input.line({ hidden: true })];
    expect(lines).toEqual(['one', 'two', 'three']);
    expect(await input.line({ hidden: false })).toBeUndefined();
  });

  it('is read as a whole, also behind a line', async () => {
    const input = pipe('one\ntwo\n', 'three');
    expect(await input.line({ hidden: false })).toBe('one');
    expect(await input.text()).toBe('two\nthree');
    expect(await input.text()).toBe('');
  });
});

describe('a secret typed on a terminal', () => {
  it('ends with the line, without what was taken back', async () => {
    const { input, modes } = terminal('pax', '\u007fss\u007fsword\r', 'next\r');
    expect(await input.line({ hidden: true })).toBe('password');
    expect(await input.line({ hidden: true })).toBe('next');
    expect(modes).toEqual([true, false, true, false]);
  });

  it('can be broken off, and the terminal is as before', async () => {
    const { input, modes } = terminal('pass\u0003');
    await expect(input.line({ hidden: true })).rejects.toMatchObject({ exit: 130 });
    expect(modes).toEqual([true, false]);
  });

  it('can be left out', async () => {
    const { input } = terminal('\u0004');
    expect(await input.line({ hidden: true })).toBeUndefined();
  });
});
