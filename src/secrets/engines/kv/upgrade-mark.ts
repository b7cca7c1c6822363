// The mark of a mount whose secrets are on their way from version 1 to 2: how far they are, and what clients are told meanwhile.

import { Fault } from '../../../base/fault.ts';
import { decode, encode } from './secret.ts';

/** There while the upgrade lasts; written in the commit that changes the mount's version. */
export const upgradeKey = 'upgrade';

export interface UpgradeMark {
  readonly format: 1;
  /** Path of the last secret that is of version 2; empty before the first. */
  readonly reached: string;
}

export const firstStep: Uint8Array = encodeMark({ format: 1, reached: '' });

export function encodeMark(mark: UpgradeMark): Uint8Array {
  return encode(mark);
}

export function decodeMark(bytes: Uint8Array): UpgradeMark {
  return decode(bytes) as UpgradeMark;
}

/** As Vault says it: clients wait and try again. */
export function upgrading(): Fault {
  return new Fault(
    'invalid-request',
    'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.',
  );
}
