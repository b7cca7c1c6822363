// Where a secret of a configuration stands: in a file, in the environment, or in the configuration itself. Read at each use, so that a changed file counts.

import { Fault } from '../base/fault.ts';
import { readPrivateFile } from './private-file.ts';

/** What stands in a configuration itself hides in a function, so that no log and no JSON of the configuration shows it. */
export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'text'; readonly reveal: () => string };

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Without blanks around it. `what` names it in sentences: `the secret key`. Throws Fault `usage` for a file that everybody may
 * read, and for nothing at all.
 */
export function readSecret(source: SecretSource, environment: Environment, what: string): string {
  if (source.kind === 'text') return present(source.reveal(), what, 'is empty in the configuration');
  if (source.kind === 'environment')
    return present(environment[source.name] ?? '', what, `should stand in the environment variable ${source.name}, which is not set`);
  // A group may read it: agents hand tokens to a service through one.
  return present(
    readPrivateFile(source.path, `the file of ${what}`, 0o007).toString('utf8'),
    what,
    `should stand in ${source.path}, which is empty`,
  );
}

function present(text: string, what: string, otherwise: string): string {
  const trimmed = text.trim();
  if (trimmed === '') throw new Fault('usage', `${what} ${otherwise}`);
  return trimmed;
}
