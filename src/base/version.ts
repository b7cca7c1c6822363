// The version of this Casemate, and the versions of the servers whose clients it speaks with.

export const version = '0.1.0';

/** Vault's API as of this version is what clients find here; they compare numbers before they use newer routes. */
export const vaultVersion = '1.20.4';
export const openbaoVersion = '2.6.2';

/** What `sys/health` and `sys/seal-status` tell: semantic version with build metadata, as Vault's own editions do it. */
export const apiVersion = `${vaultVersion}+casemate.${version}`;
