// The certificate of test servers, which clients are told to trust.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsOptions } from '../../src/http/tls.ts';

/** PEM, for 127.0.0.1 and localhost; its own authority. */
export const certificatePath = join(import.meta.dirname, 'fixtures', 'certificate.pem');

export function testTls(): TlsOptions {
  return { certificate: readFileSync(certificatePath), key: readFileSync(join(import.meta.dirname, 'fixtures', 'key.pem')) };
}
