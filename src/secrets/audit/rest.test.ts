// The rest of a device that failed: how long, who tries, and what does not count as a failure.

import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { resting } from './rest.ts';

function device() {
  const state = { now: 0, asked: 0, answer: (): Promise<void> => Promise.resolve() };
  const sink = resting(
    {
      append() {
        state.asked += 1;
        return state.answer();
      },
      reopen: async () => {},
      close: async () => {},
    },
    { monotonic: () => state.now },
  );
  return { state, sink };
}

const down = () => Promise.reject(new Fault('timeout', 'late'));

describe('a device that fails', () => {
  it('is asked again after half a second, and after twice as long each time, up to ten seconds', async () => {
    const { state, sink } = device();
    state.answer = down;
    await expect(sink.append('a')).rejects.toThrow('late');
    for (const pause of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      state.now += pause - 1;
      await expect(sink.append('a')).rejects.toThrow('has failed and rests');
      state.now += 1;
      await expect(sink.append('a')).rejects.toThrow('late');
    }
    expect(state.asked).toBe(8);
  });

  it('is tried by one line alone, which all others do not wait for', async () => {
    const { state, sink } = device();
    state.answer = down;
    await expect(sink.append('a')).rejects.toThrow('late');
    state.now += 500;
    const { promise, resolve } = Promise.withResolvers<void>();
    state.answer = () => promise;
    const trying = sink.append('b');
    await expect(sink.append('c')).rejects.toThrow('rests');
    resolve();
    await trying;
    await sink.append('d');
    expect(state.asked).toBe(3);
  });

  it('soon after it came back rests longer, and as at first when it was well for a minute', async () => {
    const { state, sink } = device();
    const fails = async () => {
      state.answer = down;
      await expect(sink.append('a')).rejects.toThrow('late');
      state.answer = () => Promise.resolve();
    };
    await fails();
    state.now += 500;
    await sink.append('a');
    await fails();
    state.now += 999;
    await expect(sink.append('a')).rejects.toThrow('rests');
    state.now += 1;
    await sink.append('a');
    state.now += 60_000;
    await fails();
    state.now += 500;
    await sink.append('a');
  });

  it('does not rest for a line that is too long, or one too many', async () => {
    const { state, sink } = device();
    for (const code of ['too-large', 'rate-limited'] as const) {
      state.answer = () => Promise.reject(new Fault(code, 'no'));
      await expect(sink.append('a')).rejects.toThrow('no');
    }
    state.answer = () => Promise.resolve();
    await sink.append('b');
  });

  it('is asked at once after it was opened anew', async () => {
    const { state, sink } = device();
    state.answer = down;
    await expect(sink.append('a')).rejects.toThrow('late');
    state.answer = () => Promise.resolve();
    await sink.reopen();
    await sink.append('b');
  });
});
