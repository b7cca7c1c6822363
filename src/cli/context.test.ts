// What commands are handed beyond calls and printing: questions, counted arguments, sentences before refusals.

import { describe, expect, it } from 'vitest';
import { Fault } from '../base/fault.ts';
import { type CommandContext, command } from './command.ts';
import { connectionFlags } from './common-flags.ts';
import { prepareContext } from './context.ts';
import { Ending } from './ending.ts';
import { parseFlags } from './flags.ts';
import type { Io } from './io.ts';

interface Desk {
  readonly context: CommandContext;
  readonly err: () => string;
}

function desk(options: { words?: readonly string[]; typed?: readonly string[]; typing?: boolean; failsWith?: 1 } = {}): Desk {
  const { words = [], typed = [], typing = false, failsWith } = options;
  const lines = [...typed];
  const err: string[] = [];
  const io: Io = {
    name: 'casemate',
    words,
    env: {},
    home: '/nowhere',
    stdin: { isTerminal: typing, text: async () => lines.join('\n'), line: async () => lines.shift() },
    stdout: { isTerminal: false, write: () => {} },
    stderr: { isTerminal: typing, write: (text) => void err.push(String(text)) },
    signal: new AbortController().signal,
  };
  const spec = command({ synopsis: '', usage: '', help: '', run: async () => 0, ...(failsWith === undefined ? {} : { failsWith }) });
  return { context: prepareContext(io, spec, parseFlags(connectionFlags, words), 'table').context, err: () => err.join('') };
}

describe('a question', () => {
  it('stands on stderr where somebody types, and the hidden answer gets a line end there', async () => {
    const { context, err } = desk({ typed: [' share \n'], typing: true });
    expect(await context.ask('Unseal Key (will be hidden):', { hidden: true })).toBe('share');
    expect(err()).toBe('Unseal Key (will be hidden): \n');
  });

  it('is not printed where the answer comes from a pipe', async () => {
    const { context, err } = desk({ typed: ['share'] });
    expect(await context.ask('Unseal Key:')).toBe('share');
    expect(err()).toBe('');
  });

  it('that nobody answers, or that may not be asked, ends the command', async () => {
    await expect(desk().context.ask('Token:')).rejects.toMatchObject({ exit: 1, message: expect.stringContaining('ended') });
    const silent = desk({ words: ['-non-interactive'], typed: ['x'] });
    await expect(silent.context.ask('Token:')).rejects.toMatchObject({ exit: 1, message: expect.stringContaining('-non-interactive') });
  });
});

describe('a call', () => {
  const fails = () => Promise.reject(new Fault('unavailable', 'nobody answers'));

  it('that fails ends the command with the sentence before it, and 2', async () => {
    await expect(desk().context.calling('Error reading a', fails())).rejects.toMatchObject({
      message: 'Error reading a: nobody answers',
      exit: 2,
    });
  });

  it('that fails ends with 1 where 2 means something else', async () => {
    await expect(desk({ failsWith: 1 }).context.calling('x', fails())).rejects.toMatchObject({ exit: 1 });
    await expect(desk().context.calling('x', fails(), 1)).rejects.toMatchObject({ exit: 1 });
  });

  it('passes on what already is an ending, and what is a fault of the command', async () => {
    const ending = new Ending('curl', 0);
    await expect(desk().context.calling('x', Promise.reject(ending))).rejects.toBe(ending);
    const fault = new TypeError('oops');
    await expect(desk().context.calling('x', Promise.reject(fault))).rejects.toBe(fault);
  });
});

describe('arguments', () => {
  it('are counted in words that tell what was expected', () => {
    const two = desk({ words: ['a', 'b'] }).context;
    expect(two.expect(1, 2)).toEqual(['a', 'b']);
    expect(() => two.expect(3)).toThrow('Not enough arguments (expected 3, got 2)');
    expect(() => two.expect(3, Number.POSITIVE_INFINITY)).toThrow('Not enough arguments (expected at least 3, got 2)');
    expect(() => two.expect(0, 1)).toThrow('Too many arguments (expected 0-1, got 2)');
  });
});
