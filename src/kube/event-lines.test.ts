// Lines of a watch: whatever is no event ends it, however it comes.

import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { eventsIn, type WatchEvent } from './event-lines.ts';

async function read(...chunks: readonly (string | Buffer)[]): Promise<{ readonly events: WatchEvent[]; readonly dropped: boolean }> {
  let dropped = false;
  async function* body() {
    yield* chunks.map((chunk) => Buffer.from(chunk));
  }
  const drop = () => {
    dropped = true;
  };
  const events: WatchEvent[] = [];
  for await (const event of eventsIn({ body: body(), drop }, 1_000)) events.push(event);
  return { events, dropped };
}

describe('the lines of a watch', () => {
  const one = '{"type":"ADDED","object":{}}\n';

  it('are events, several in a piece or several pieces in one, without empty ones and without the last half', async () => {
    const { events, dropped } = await read(`${one}\n${one}${one.slice(0, 5)}`, one.slice(5, 9), one.slice(9), '{"type":"ADD');
    expect(events).toHaveLength(3);
    expect(dropped).toBe(true);
  });

  it.each(['{"type":7}\n', 'null\n', '"ADDED"\n'])('that are no events are damage: %j', async (line) => {
    expect(await refusalOf(() => read(line))).toMatchObject({ code: 'corrupted' });
  });

  it('that are no JSON are refused', async () => {
    await refusalOf(() => read('<html>\n'));
  });

  it('that never end are given up', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    expect(await refusalOf(() => read(...Array.from({ length: 65 }, () => mebibyte)))).toMatchObject({ code: 'too-large' });
  });
});
