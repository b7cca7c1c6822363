// Casemate's own ESLint rules.
import { keysAsKeyObjects } from './keys-as-key-objects.mjs';
import { ownLines } from './own-lines.mjs';

export const casemate = { rules: { 'keys-as-key-objects': keysAsKeyObjects, 'own-lines': ownLines } };
