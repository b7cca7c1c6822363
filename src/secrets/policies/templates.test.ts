// Templates in paths: filled in, or their rule is left out.

import { describe, expect, it } from 'vitest';
import { parsePolicy } from './policy.ts';
import { resolveTemplates } from './templates.ts';

const policy = parsePolicy(
  'p',
  `path "plain" { capabilities = ["read"] }
   path "home/{{identity.entity.name}}/*" { capabilities = ["update"] }
   path "id/{{ identity.entity.id }}/{{identity.entity.name}}" { capabilities = ["list"] }`,
);
const pathsWith = (values: Readonly<Record<string, string>>): string[] =>
  resolveTemplates(policy, { id: '7', lookup: (variable) => values[variable] }).rules.map(({ path }) => path);

describe('a templated path', () => {
  it('gets the values of whoever asks', () => {
    expect(pathsWith({ 'identity.entity.name': 'ann', 'identity.entity.id': '7' })).toEqual(['plain', 'home/ann/*', 'id/7/ann']);
  });

  it('grants nothing where a value is missing', () => {
    expect(pathsWith({ 'identity.entity.name': 'ann' })).toEqual(['plain', 'home/ann/*']);
    expect(pathsWith({})).toEqual(['plain']);
    expect(pathsWith({ 'identity.entity.name': '', 'identity.entity.id': '7' })).toEqual(['plain']);
  });

  it.each(['*', 'an*', '+', 'a/b'])('grants nothing where the value %s would widen it', (name) => {
    expect(pathsWith({ 'identity.entity.name': name, 'identity.entity.id': '7' })).toEqual(['plain']);
  });

  it('does not take a value for another template', () => {
    expect(pathsWith({ 'identity.entity.name': '{{identity.entity.id}}', 'identity.entity.id': '7' })).toEqual(['plain']);
  });

  it('leaves a policy without templates as it is', () => {
    const plain = parsePolicy('p', 'path "a" { capabilities = ["read"] }');
    expect(resolveTemplates(plain, { id: '', lookup: () => undefined })).toBe(plain);
  });

  it('grants nothing where the braces are not closed', () => {
    const open = parsePolicy('p', 'path "a/{{identity.entity.name" { capabilities = ["read"] }');
    expect(resolveTemplates(open, { id: '7', lookup: () => 'ann' }).rules).toEqual([]);
  });
});
