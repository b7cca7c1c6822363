// Lines as messages: how many at a time, together or each for itself, and none held beyond its deadline or in more memory than is allowed.

import { describe, expect, it } from 'vitest';
import { type MessageSinkOptions, openMessageSink } from './message-sink.ts';

interface Sent {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly settle: (failure?: Error) => void;
}

function sink(changes: Partial<MessageSinkOptions> = {}) {
  const sent: Sent[] = [];
  let opened = 0;
  let closed = 0;
  const own = openMessageSink({
    deadline: 1_000,
    parallel: 2,
    batch: false,
    open() {
      opened += 1;
      return {
        send: (bytes, signal) =>
          new Promise((resolve, reject) => {
            sent.push({ text: bytes.toString(), signal, settle: (failure) => (failure === undefined ? resolve() : reject(failure)) });
          }),
        close() {
          closed += 1;
        },
      };
    },
    ...changes,
  });
  return { own, sent, counts: () => ({ opened, closed }) };
}

const turn = () => new Promise((resolve) => void setTimeout(resolve, 5));

describe('messages', () => {
  it('are a few at a time, one for each line, in order', async () => {
    const { own, sent } = sink();
    const lines = ['a\n', 'b\n', 'c\n'].map((line) => own.append(line));
    await turn();
    expect(sent.map(({ text }) => text)).toStrictEqual(['a\n', 'b\n']);
    sent[0]?.settle();
    await lines[0];
    await turn();
    expect(sent.map(({ text }) => text)).toStrictEqual(['a\n', 'b\n', 'c\n']);
    sent[1]?.settle(new Error('no'));
    sent[2]?.settle();
    await expect(lines[1]).rejects.toThrow('no');
    await lines[2];
  });

  it('are one for all lines that wait, where they go together', async () => {
    const { own, sent } = sink({ parallel: 1, batch: true });
    const first = own.append('a\n');
    await turn();
    const others = ['b\n', 'c\n'].map((line) => own.append(line));
    await turn();
    sent[0]?.settle();
    await first;
    await turn();
    expect(sent.map(({ text }) => text)).toStrictEqual(['a\n', 'b\nc\n']);
    sent[1]?.settle();
    await Promise.all(others);
  });

  it('hold no line beyond its deadline, whether it was sent or waited, and are given up then', async () => {
    const { own, sent } = sink({ deadline: 40, parallel: 1 });
    const started = performance.now();
    const results = await Promise.allSettled(['a\n', 'b\n'].map((line) => own.append(line)));
    expect(performance.now() - started).toBeLessThan(500);
    expect(results.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected']);
    await turn();
    expect(sent.map(({ text, signal }) => [text, signal.aborted])).toStrictEqual([['a\n', true]]);
  });

  it('wait in bounded memory, which is free again once they are sent; a single line may be of any length', async () => {
    const { own, sent } = sink({ queueBytes: 10 });
    const long = own.append(`${'x'.repeat(50)}\n`);
    await expect(own.append('y\n')).rejects.toThrow('too many of its lines wait');
    await turn();
    sent[0]?.settle();
    await long;
    const next = ['12345', '67890'].map((line) => own.append(line));
    await expect(own.append('z')).rejects.toThrow('too many of its lines wait');
    await turn();
    sent[1]?.settle();
    sent[2]?.settle();
    await Promise.all(next);
  });

  it('under way when it is opened anew still have their time', async () => {
    const { own, sent, counts } = sink({ deadline: 60 });
    const line = own.append('a\n');
    await turn();
    await own.reopen();
    expect(counts()).toStrictEqual({ opened: 2, closed: 0 });
    sent[0]?.settle();
    await line;
    await new Promise((resolve) => void setTimeout(resolve, 90));
    expect(counts()).toStrictEqual({ opened: 2, closed: 1 });
    await own.close();
    expect(counts().closed).toBe(2);
  });

  it('are waited for when it is closed, no longer than the deadline', async () => {
    const { own, sent } = sink({ deadline: 50 });
    const line = own.append('a\n');
    line.catch(() => undefined);
    await turn();
    await own.close();
    expect(sent[0]?.signal.aborted).toBe(true);
    await expect(line).rejects.toThrow();
  });
});
