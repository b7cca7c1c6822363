// What the development server tells a newcomer once it answers.

export interface BannerFacts {
  readonly address: string;
  /** undefined for a store in memory. */
  readonly dataFolder: string | undefined;
  readonly rootTokenFile: string | undefined;
  /** Shown only where no file holds it. */
  readonly rootToken: string | undefined;
  readonly isNew: boolean;
  /** How the command is called: `casemate`, `bin/casemate`. */
  readonly command: string;
}

export function banner({ address, dataFolder, rootTokenFile, rootToken, isNew, command }: BannerFacts): string {
  const token = rootTokenFile === undefined ? rootToken : `$(cat ${rootTokenFile})`;
  return [
    '',
    `Casemate answers on ${address}`,
    '',
    ...(dataFolder === undefined
      ? ['Everything is in memory and gone when the server ends.']
      : [
          `${isNew ? 'A new store was made' : 'The store lies'} in ${dataFolder}.`,
          'It unseals itself with the file unseal-key in that folder: good for development, and for nothing else.',
          `The root token lies in ${rootTokenFile}`,
        ]),
    '',
    'Try, in another terminal:',
    `  export VAULT_ADDR=${address} VAULT_TOKEN=${token}`,
    `  ${command} kv put secret/hello who=world`,
    `  ${command} kv get secret/hello`,
    `  curl -H "X-Vault-Token: $VAULT_TOKEN" $VAULT_ADDR/v1/secret/data/hello`,
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}
