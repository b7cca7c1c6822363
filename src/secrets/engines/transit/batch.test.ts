// Batches: what is taken for one, that one bad item spoils no other, and that the event loop is let go.

import { describe, expect, it } from 'vitest';
import { Fault } from '../../../base/fault.ts';
import { batchAnswer, haveContext, type Item, parseItems, workThrough } from './batch.ts';

const failed = (error: string) => ({ done: '', error });
const refuse = (why: string): never => {
  throw new Fault('invalid-request', why);
};

describe('a batch', () => {
  it.each([
    ['text', 'source data must be an array or slice, got string'],
    [{}, 'source data must be an array or slice, got map[string]interface {}'],
    [7, 'source data must be an array or slice, got json.Number'],
    [[null], "[0] expected a map, got '<nil>'"],
    [[{ plaintext: '' }, []], "[1] expected a map, got '[]interface {}'"],
    [[{ plaintext: '' }, {}], "'[1].plaintext' missing plaintext to encrypt"],
    [[{ plaintext: 5 }], "'[0].plaintext' expected type 'string', got unconvertible type 'json.Number'"],
    [[{ plaintext: null }], "'[0].plaintext' expected type 'string', got unconvertible type '<nil>'"],
    [[{ plaintext: '', context: true }], "'[0].context' expected type 'string', got unconvertible type 'bool'"],
    [[{ plaintext: '', reference: {} }], "'[0].reference' expected type 'string', got unconvertible type 'map[string]interface {}'"],
    [[{ plaintext: '', key_version: '1' }], "'[0].key_version' expected type 'int', got unconvertible type 'string'"],
    [[{ plaintext: '', key_version: 1.5 }], "'[0].key_version' expected type 'int', got unconvertible type 'json.Number'"],
  ])('%j is none: %s', (given, why) => {
    expect(() => parseItems(given, 'plaintext')).toThrow(`failed to parse batch input: ${why}`);
  });

  it('needs an item, and takes no more than 50,000', () => {
    expect(() => parseItems([])).toThrow('missing batch input to process');
    expect(parseItems(new Array(50_000).fill({}))).toHaveLength(50_000);
    expect(() => parseItems(new Array(50_001).fill({}))).toThrow('batch_input may hold 50000 items, not 50001');
  });

  it('may leave out what is not required, or say null', () => {
    expect(parseItems([{}, { context: null, key_version: null, ciphertext: null }])).toHaveLength(2);
    expect(() => parseItems([{}], 'ciphertext')).toThrow("'[0].ciphertext' missing ciphertext to decrypt");
  });

  it('has contexts everywhere or nowhere', () => {
    expect(haveContext([{ context: 'a' }, { context: 'b' }])).toBe(true);
    expect(haveContext([{}, { context: '' }, { context: null }])).toBe(false);
    for (const mixed of [
      [{}, { context: 'a' }],
      [{ context: 'a' }, { context: '' }],
    ])
      expect(() => haveContext(mixed)).toThrow('context should be set either in all the request blocks or in none');
  });
});

describe('the items', () => {
  it('are worked through in order, each for itself, with their references', async () => {
    const items: Item[] = [{ plaintext: 'a', reference: 'x' }, { plaintext: 'bad' }, { plaintext: 'c', reference: null }];
    const work = (item: Item) => (item.plaintext === 'bad' ? refuse('it is bad') : { done: item.plaintext ?? '' });
    expect(await workThrough(items, work, failed)).toStrictEqual({
      results: [
        { done: 'a', reference: 'x' },
        { done: '', error: 'it is bad', reference: '' },
        { done: 'c', reference: '' },
      ],
      succeeded: 2,
    });
  });

  it('are given up when what fails is not the item', async () => {
    for (const thrown of [new Fault('corrupted', 'the store is damaged'), new TypeError('a fault of ours')]) {
      const work = () => {
        throw thrown;
      };
      await expect(workThrough([{}], work, failed)).rejects.toBe(thrown);
    }
  });

  async function turnsDuring(items: readonly Item[]): Promise<number> {
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    await workThrough(items, () => ({ done: '' }), failed);
    running = false;
    return turns;
  }

  it('let others have their turn, the more often the longer they are', async () => {
    expect(await turnsDuring(new Array(200).fill({}))).toBeLessThan(2);
    expect(await turnsDuring(new Array(1000).fill({}))).toBeGreaterThanOrEqual(3);
    expect(await turnsDuring(new Array(10).fill({ plaintext: 'a'.repeat(200_000) }))).toBeGreaterThanOrEqual(5);
    expect(await turnsDuring(new Array(10).fill({ ciphertext: 'a'.repeat(200_000) }))).toBeGreaterThanOrEqual(5);
  });
});

describe('the answer', () => {
  const worked = (succeeded: number, of: number) => ({ results: Array.from({ length: of }, () => ({ reference: '' })), succeeded });

  it('is as always while no item failed', () => {
    expect(batchAnswer(worked(2, 2), 207)).toStrictEqual({ data: { batch_results: worked(2, 2).results } });
  });

  it('is 400 when an item failed, or what was asked for in case others did not', () => {
    expect(batchAnswer(worked(1, 2), undefined).status).toBe(400);
    expect(batchAnswer(worked(1, 2), 207).status).toBe(207);
    expect(batchAnswer(worked(0, 2), 207).status).toBe(400);
  });

  it.each([0, -1, 100, 101, 199, 204, 205, 304, 600, 1000])('cannot be %d, and says so', (status) => {
    expect(batchAnswer(worked(1, 2), status)).toMatchObject({
      status: 400,
      warnings: ['invalid HTTP response code override from partial_failure_response_code, reverting to 400'],
    });
  });
});
