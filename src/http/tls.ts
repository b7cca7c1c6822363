// TLS of a listener: what the operator says, as Node takes it.

import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Fault } from '../base/fault.ts';

export interface TlsOptions {
  /** PEM. */
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
  /** PEM of the authorities that client certificates must come from, where they are required. */
  readonly clientAuthorities?: string | Buffer;
  /** `required` where authorities are given, `none` otherwise. `asked`: whoever shows one is let in whatever it is, for others to judge. */
  readonly clientCertificates?: 'none' | 'asked' | 'required';
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** As OpenSSL writes them. */
  readonly cipherSuites?: string;
}

/** Of new connections from now on; those that are open go on as they are. Throws Fault `usage`. */
export function contextOptions(tls: TlsOptions): SecureContextOptions {
  const { clientAuthorities, cipherSuites } = tls;
  const options: SecureContextOptions = {
    cert: tls.certificate,
    key: tls.key,
    minVersion: tls.minVersion ?? 'TLSv1.2',
    maxVersion: tls.maxVersion ?? 'TLSv1.3',
    ...(clientAuthorities === undefined ? {} : { ca: clientAuthorities }),
    ...(cipherSuites === undefined ? {} : { ciphers: cipherSuites, honorCipherOrder: true }),
  };
  try {
    createSecureContext(options);
    return options;
  } catch (thrown) {
    throw new Fault('usage', 'the TLS certificate, key and authorities do not fit together, or are not PEM', { cause: thrown });
  }
}

/** Set once for a server: whether a client is asked for its certificate cannot change while it listens. */
export function clientCertificateOptions(tls: TlsOptions): { readonly requestCert: boolean; readonly rejectUnauthorized: boolean } {
  const wanted = tls.clientCertificates ?? (tls.clientAuthorities === undefined ? 'none' : 'required');
  return { requestCert: wanted !== 'none', rejectUnauthorized: wanted === 'required' };
}
