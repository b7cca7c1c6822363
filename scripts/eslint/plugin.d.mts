// The types of plugin.mjs, for the tests of its rules.
import type { Rule } from 'eslint';

export const casemate: { readonly rules: { readonly 'keys-as-key-objects': Rule.RuleModule; readonly 'own-lines': Rule.RuleModule } };
