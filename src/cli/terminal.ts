// Reads stdin: all of it, or lines, which a terminal shows or hides.

import type { ReadStream } from 'node:tty';
import { Ending } from './ending.ts';
import type { Input } from './io.ts';

const interrupt = '\u0003';
const endOfInput = '\u0004';
const backspaces = ['\u007f', '\b'];

/** Nothing is read before it is asked for. */
export function streamInput(stream: NodeJS.ReadStream): Input {
  const isTerminal = stream.isTTY === true;
  let rest = '';
  const visibleLine = async (): Promise<string | undefined> => {
    while (!rest.includes('\n')) {
      const chunk = await nextChunk(stream);
      if (chunk !== undefined) rest += chunk;
      else if (rest === '') return undefined;
      else rest += '\n';
    }
    const end = rest.indexOf('\n');
    const line = rest.slice(0, end).replace(/\r$/, '');
    rest = rest.slice(end + 1);
    return line;
  };
  const hiddenLine = async (): Promise<string | undefined> => {
    const terminal = stream as ReadStream;
    terminal.setRawMode(true);
    try {
      let line = '';
      for (;;) {
        if (rest === '') rest = (await nextChunk(stream)) ?? endOfInput;
        const character = Array.from(rest)[0] as string;
        rest = rest.slice(character.length);
        if (character === interrupt) throw new Ending('interrupted', 130);
        if (character === '\r' || character === '\n') return line;
        if (character === endOfInput) return line === '' ? undefined : line;
        line = backspaces.includes(character) ? line.slice(0, -1) : line + character;
      }
    } finally {
      terminal.setRawMode(false);
    }
  };
  return {
    isTerminal,
    async text() {
      let all = rest;
      for (let chunk = await nextChunk(stream); chunk !== undefined; chunk = await nextChunk(stream)) all += chunk;
      rest = '';
      return all;
    },
    line: ({ hidden }) => (hidden && isTerminal ? hiddenLine() : visibleLine()),
  };
}

/** Undefined at the end. */
function nextChunk(stream: NodeJS.ReadStream): Promise<string | undefined> {
  if (stream.readableEnded) return Promise.resolve(undefined);
  stream.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    const settle = (chunk: string | undefined) => {
      stream.off('data', settle).off('end', ended).off('error', reject);
      stream.pause();
      resolve(chunk);
    };
    const ended = () => settle(undefined);
    stream.on('data', settle).on('end', ended).on('error', reject);
    stream.resume();
  });
}
