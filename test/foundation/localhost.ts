// The certificate and key that tests serve TLS with: self-signed for localhost and 127.0.0.1, valid until 2076, worth nothing elsewhere.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const fixtures = join(import.meta.dirname, 'fixtures');

/** PEM; the certificate is its own authority. */
export const localhostCertificate = readFileSync(join(fixtures, 'localhost.cert.pem'), 'utf8');
export const localhostKey = readFileSync(join(fixtures, 'localhost.key.pem'), 'utf8');
