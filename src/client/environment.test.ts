// The environment's variables: three names each, values that make no sense are refused by name.

import { describe, expect, it } from 'vitest';
import { clientOptions, connectionFrom, variable, variableName } from './environment.ts';

describe('a variable', () => {
  const all = { CASEMATE_ADDR: 'http://c', BAO_ADDR: 'http://b', VAULT_ADDR: 'http://v' };

  it('is CASEMATE_ before BAO_ before VAULT_', () => {
    expect(variable(all, 'ADDR')).toBe('http://c');
    expect(variable({ ...all, CASEMATE_ADDR: undefined }, 'ADDR')).toBe('http://b');
    expect(variable({ VAULT_ADDR: 'http://v' }, 'ADDR')).toBe('http://v');
  });

  it('that is empty counts as absent', () => {
    expect(variableName({ ...all, CASEMATE_ADDR: '', BAO_ADDR: '' }, 'ADDR')).toBe('VAULT_ADDR');
  });
});

describe('a connection from the environment', () => {
  it('goes to the development server when nothing is set', () => {
    expect(clientOptions(connectionFrom({})).address).toBe('http://127.0.0.1:8200');
  });

  it('reads durations, numbers and truth values', () => {
    const env = { VAULT_CLIENT_TIMEOUT: '90', BAO_MAX_RETRIES: '5', VAULT_SKIP_VERIFY: '1', VAULT_DISABLE_REDIRECTS: 'true' };
    expect(connectionFrom(env)).toMatchObject({ timeout: 90_000, retries: 5, skipVerify: true, redirects: false });
    expect(connectionFrom({ VAULT_CLIENT_TIMEOUT: '1m30s' }).timeout).toBe(90_000);
  });

  it('asks the agent where there is one', () => {
    expect(connectionFrom({ VAULT_ADDR: 'http://v', VAULT_AGENT_ADDR: 'http://agent' }).address).toBe('http://agent');
  });

  it.each([
    ['VAULT_SKIP_VERIFY', 'maybe'],
    ['BAO_MAX_RETRIES', '-1'],
    ['CASEMATE_CLIENT_TIMEOUT', 'soon'],
  ])('refuses %s=%s and names it', (name, value) => expect(() => connectionFrom({ [name]: value })).toThrow(`could not parse ${name}`));

  it('names the file that it cannot read', () => {
    expect(() => clientOptions({ caCert: '/nowhere/ca.pem' })).toThrow('cannot read the CA certificate /nowhere/ca.pem: ENOENT');
  });

  it('wants certificate and key together', () => {
    expect(() => clientOptions({ clientCert: '/nowhere/cert.pem' })).toThrow('both client cert and client key must be provided');
  });
});
