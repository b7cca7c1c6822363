// What a cloud's key service says when it does not do as asked, sorted by what helps, and as a sentence that tells so.

import { Fault, type FaultCode } from '../../base/fault.ts';

export type RefusalKind =
  /** Too many requests: later. */
  | 'throttled'
  /** The service fails, or something in between: later. */
  | 'failing'
  /** Access key, secret key and token do not fit together, are unknown, or are no longer good. */
  | 'credentials'
  /** The clocks of this machine and of the service are too far apart. */
  | 'skewed'
  | 'denied'
  /** The key is disabled or about to be deleted. */
  | 'unusable'
  | 'missing'
  /** The call is none that the service knows. */
  | 'unknown-call'
  /** The bytes are no ciphertext of the service. */
  | 'damaged'
  /** The bytes are ciphertext of another key. */
  | 'other-key'
  | 'unexpected';

export interface Refusal {
  readonly kind: RefusalKind;
  /** The vendor's word for it; only letters, digits and `._-`. */
  readonly code: string;
  readonly requestId?: string | undefined;
  /** For `throttled` and `failing`: milliseconds that the service asks to be left alone. */
  readonly after?: number | undefined;
  /** For `skewed`: this machine's clock minus the service's, in milliseconds. */
  readonly ahead?: number | undefined;
}

/** How a key service and the key in question are named in sentences. */
export interface Named {
  /** `AWS KMS`. */
  readonly service: string;
  readonly key: string;
  /** What the access key must be allowed to do: `kms:Encrypt, kms:Decrypt and kms:DescribeKey`. */
  readonly rights: string;
  /** What enables a key again. */
  readonly enabling: string;
}

const codes: Readonly<Record<RefusalKind, FaultCode>> = {
  throttled: 'unavailable',
  failing: 'unavailable',
  credentials: 'permission-denied',
  skewed: 'unavailable',
  denied: 'permission-denied',
  unusable: 'unavailable',
  missing: 'unavailable',
  'unknown-call': 'unavailable',
  damaged: 'corrupted',
  'other-key': 'invalid-request',
  unexpected: 'unavailable',
};

const sentences: Readonly<Record<RefusalKind, (named: Named, refusal: Refusal) => string>> = {
  throttled: ({ service }) => `${service} is asked more often than the account's quota allows`,
  failing: ({ service }) => `${service} fails on its side`,
  credentials: ({ service }) =>
    `${service} does not take the access key: it, the secret key or the session token is unknown, has expired or belongs to another; renew them where the configuration says that they stand`,
  skewed: ({ service }, { ahead }) =>
    `${service} refuses the request for its time: the clock of this machine ${distance(ahead, service)}; set the clock right`,
  denied: ({ service, key, rights }) => `${service} does not let the access key use key ${key}: it needs ${rights}`,
  unusable: ({ service, key, enabling }) => `${service} cannot use key ${key}, which is disabled or about to be deleted: ${enabling}`,
  missing: ({ service, key }) => `${service} has no key ${key}, or not in this region: look at key and region in the configuration`,
  'unknown-call': ({ service }) => `${service} does not know the call: look at the endpoint in the configuration`,
  damaged: () => 'the sealed data is damaged',
  'other-key': ({ service, key }) => `${service} says that the data was sealed with another key than ${key}`,
  unexpected: ({ service }) => `${service} answered with what this program does not know`,
};

function distance(ahead: number | undefined, service: string): string {
  if (ahead === undefined) return `and that of ${service} are too far apart`;
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  return `is ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} ${ahead > 0 ? 'ahead of' : 'behind'} that of ${service}`;
}

/** The vendor's own message is left out: some quote the request, and a secret may stand in it. */
export function refusalFault(refusal: Refusal, named: Named): Fault {
  const request = refusal.requestId === undefined ? '' : `, request ${refusal.requestId}`;
  return new Fault(codes[refusal.kind], `${sentences[refusal.kind](named, refusal)} (${refusal.code}${request})`, {
    fields: { service: named.service, refusal: refusal.kind, code: refusal.code, requestId: refusal.requestId },
  });
}

/** Whether the fault is a refusal of this kind. */
export function isRefusal(thrown: unknown, ...kinds: readonly RefusalKind[]): thrown is Fault {
  return thrown instanceof Fault && kinds.includes(thrown.fields?.['refusal'] as RefusalKind);
}

/** What a stranger calls an error, fit for logs and messages. */
export function plainCode(text: string | undefined, otherwise: string): string {
  return text !== undefined && /^[A-Za-z0-9._-]{1,80}$/.test(text) ? text : otherwise;
}
