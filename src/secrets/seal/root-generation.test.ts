// Shares that come while others are being looked at: each counts for one attempt, and an attempt makes one token.

import { expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import type { Custody } from './custody.ts';
import { createRootGeneration } from './root-generation.ts';
import type { SealConfig } from './stored.ts';

const terms: SealConfig = { format: 1, type: 'shamir', shares: 3, threshold: 2 };
const share = (number: number) => new Uint8Array(33).fill(number);

it('a share that comes while enough others are proved is too late, and does not begin a new set', async () => {
  let made = 0;
  const custody = {
    terms: async () => terms,
    prove: () => new Promise<void>((resolve) => setTimeout(resolve, 20)),
  } as unknown as Custody;
  const generation = createRootGeneration({
    custody,
    random: systemRandom,
    uuid: () => 'nonce',
    makeToken: async () => {
      made += 1;
      return 'hvs.'.padEnd(28, 'x');
    },
  });
  await generation.start(undefined);
  const outcomes = await Promise.allSettled([1, 2, 3].map((number) => generation.update(share(number), 'nonce')));
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.progress : (outcome.reason as Fault).message))).toEqual([
    1,
    2,
    'no root generation in progress',
  ]);
  expect(made).toBe(1);
  expect(await generation.status()).toMatchObject({ started: false, progress: 0 });
});

it('a wrong set of shares is forgotten, and the attempt goes on under its nonce', async () => {
  const custody = {
    terms: async () => terms,
    prove: async () => {
      throw new Fault('invalid-request', 'not the shares');
    },
  } as unknown as Custody;
  const generation = createRootGeneration({ custody, random: systemRandom, uuid: () => 'nonce', makeToken: async () => '' });
  await generation.start(undefined);
  await generation.update(share(1), 'nonce');
  await expect(generation.update(share(2), 'nonce')).rejects.toThrow('not the shares');
  expect(await generation.status()).toMatchObject({ started: true, nonce: 'nonce', progress: 0 });
  expect((await generation.update(share(2), 'nonce')).progress).toBe(1);
});
