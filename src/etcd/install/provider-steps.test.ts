// The configurations of an installation: who opens before who seals, and what is left when the KMS goes.

import { describe, expect, it } from 'vitest';
import type { EncryptionConfig, KmsProvider } from '../config/encryption-config.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { partOf, providerSteps, textWithout } from './provider-steps.ts';

const provider: KmsProvider = { type: 'kms', apiVersion: 'v2', name: 'casemate', endpoint: 'unix:///run/k/s.sock', timeout: '3s' };
const options = { provider, resources: ['secrets'], kubernetesMinor: 37 };
const read = (text: string): EncryptionConfig => readEncryptionConfig(text, { path: 'c.yaml' }).config;
const order = (text: string) => read(text).resources.map((entry) => [entry.resources.join(), ...entry.providers.map(({ type }) => type)]);
const secret = Buffer.alloc(32, 7).toString('base64');

describe('the two steps', () => {
  it('identity first, and the KMS first only in the second one', () => {
    const steps = providerSteps({ resources: [] }, options);
    expect(order(steps.read)).toEqual([['secrets', 'identity', 'kms']]);
    expect(order(steps.write)).toEqual([['secrets', 'kms', 'identity']]);
    expect(partOf(read(steps.read), 'casemate')?.seals).toEqual([]);
    expect(partOf(read(steps.write), 'casemate')?.seals).toEqual(['secrets']);
  });

  it('taken up again after the first one, they are the same bytes', () => {
    const steps = providerSteps({ resources: [] }, options);
    expect(providerSteps(read(steps.read), options)).toEqual(steps);
  });

  it('other resources keep their keys', () => {
    const present: EncryptionConfig = {
      resources: [{ resources: ['configmaps'], providers: [{ type: 'aescbc', keys: [{ name: 'k', secret }] }] }],
    };
    const steps = providerSteps(present, options);
    expect(order(steps.read)).toContainEqual(['configmaps', 'aescbc']);
    expect(order(steps.write)).toContainEqual(['configmaps', 'aescbc']);
  });

  it('what is sealed already is refused', () => {
    const present: EncryptionConfig = {
      resources: [{ resources: ['secrets'], providers: [{ type: 'aescbc', keys: [{ name: 'k', secret }] }] }],
    };
    expect(() => providerSteps(present, options)).toThrow('secrets is encrypted at rest already');
  });
});

describe('without the KMS', () => {
  it('a file that came with it goes as a whole', () => {
    const text = providerSteps({ resources: [] }, options).read;
    expect(textWithout(text, read(text), 'casemate')).toBeUndefined();
  });

  it('a file with other keys stays, and so does one of somebody else', () => {
    const present: EncryptionConfig = {
      resources: [{ resources: ['configmaps'], providers: [{ type: 'aescbc', keys: [{ name: 'k', secret }] }] }],
    };
    const text = providerSteps(present, options).read;
    expect(order(textWithout(text, read(text), 'casemate') ?? '')).toEqual(
      [
        ['secrets', 'identity'],
        ['configmaps', 'aescbc'],
      ].toSorted((one, other) => order(text).findIndex(([name]) => name === one[0]) - order(text).findIndex(([name]) => name === other[0])),
    );
    const foreign = text.replace(/^#.*\n/, '# by hand\n').replace(/aescbc[\s\S]*$/, 'identity: {}\n');
    expect(textWithout(foreign, read(foreign), 'casemate')).toContain('# by hand');
  });
});
