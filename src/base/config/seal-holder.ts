// The seal stanzas of those who hold the key elsewhere: a key ring, a transit engine, the key services of clouds, a PKCS#11 token.

import { type KeySource, secret } from './key-source.ts';
import { bool, type Kind, path, text, url } from './kind.ts';
import { refuse, type Section } from './section.ts';

/** By the stanza's label. What a reader returns is what src/keys/description.ts describes: the compiler compares them. */
const readers = {
  local: readLocal,
  transit: readTransit,
  awskms: readAws,
  alicloudkms: readAlicloud,
  jdcloudkms: readJdcloud,
  pkcs11: readPkcs11,
} as const;

export type HeldSealType = keyof typeof readers;
export type SealHolder = ReturnType<(typeof readers)[HeldSealType]>;

export const heldSealTypes = Object.keys(readers) as readonly HeldSealType[];

/** Throws Fault `usage` with file and line. */
export function readHolder(type: HeldSealType, stanza: Section): SealHolder {
  return readers[type](stanza);
}

function readLocal(stanza: Section) {
  const place = stanza.read('path', path);
  if (place === undefined) throw refuse(stanza.where, `${stanza.title} needs path, the file of a key ring`);
  return { type: 'local' as const, path: place, passphrase: stanza.read('passphrase', secret) };
}

function readTransit(stanza: Section) {
  const address = stanza.read('address', serverAddress);
  if (address === undefined) throw refuse(stanza.where, `${stanza.title} needs address, ${serverAddress.allowed}`);
  const key = stanza.read('key_name', text);
  if (key === undefined) throw refuse(stanza.where, `${stanza.title} needs key_name, the name of a key of the transit engine`);
  return {
    type: 'transit' as const,
    address,
    key,
    mount: stanza.read('mount_path', text)?.replace(/\/+$/, ''),
    namespace: stanza.read('namespace', text),
    auth: readAuth(stanza),
    tls: {
      caCert: stanza.read('tls_ca_cert', path),
      clientCert: stanza.read('tls_client_cert', path),
      clientKey: stanza.read('tls_client_key', path),
      serverName: stanza.read('tls_server_name', text),
      skipVerify: stanza.read('tls_skip_verify', bool),
    },
    disableRenewal: stanza.read('disable_renewal', bool),
    allowPlainHttp: stanza.read('allow_plain_http', bool),
  };
}

/** As Vault's clients do, the token comes from VAULT_TOKEN where nothing else is said. */
function readAuth(stanza: Section) {
  const token = stanza.read('token', secret);
  const roleId = stanza.read('role_id', secret);
  const secretId = stanza.read('secret_id', secret);
  const mount = stanza.read('approle_path', text)?.replace(/^auth\/|\/+$/g, '');
  if (roleId === undefined) {
    if (secretId !== undefined) throw refuse(stanza.whereIs('secret_id'), 'secret_id needs role_id beside it');
    return { kind: 'token' as const, token: token ?? environment('VAULT_TOKEN') };
  }
  if (token !== undefined)
    throw refuse(stanza.whereIs('token'), 'token and role_id exclude one another: the server logs in with one of them');
  return { kind: 'approle' as const, roleId, secretId, mount };
}

function readAws(stanza: Section) {
  return {
    type: 'aws' as const,
    region: regionOf(stanza),
    ...readCloud(stanza, 'endpoint', ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']),
  };
}

function readAlicloud(stanza: Section) {
  const names = ['ALICLOUD_ACCESS_KEY', 'ALICLOUD_SECRET_KEY'] as const;
  return { type: 'alicloud' as const, region: regionOf(stanza), ...readCloud(stanza, 'domain', names) };
}

function readJdcloud(stanza: Section) {
  return { type: 'jdcloud' as const, ...readCloud(stanza, 'endpoint', ['JDCLOUD_ACCESS_KEY', 'JDCLOUD_SECRET_KEY']) };
}

function regionOf(stanza: Section): string {
  const region = stanza.read('region', text);
  if (region === undefined) throw refuse(stanza.where, `${stanza.title} needs region`);
  return region;
}

/** `names` are the variables that the vendor's own programs read. */
function readCloud(stanza: Section, endpointKey: 'endpoint' | 'domain', names: readonly [string, string]) {
  const key = stanza.read('kms_key_id', text);
  if (key === undefined) throw refuse(stanza.where, `${stanza.title} needs kms_key_id`);
  const accessKey = stanza.read('access_key', secret);
  const secretKey = stanza.read('secret_key', secret);
  if ((accessKey === undefined) !== (secretKey === undefined))
    throw refuse(
      stanza.where,
      `${stanza.title} needs access_key and secret_key together, or neither of them and the variables ${names.join(' and ')}`,
    );
  // Written out, so that the guide is held to both names.
  const endpoint = endpointKey === 'domain' ? stanza.read('domain', text) : stanza.read('endpoint', text);
  return {
    key,
    endpoint: endpoint === undefined || endpoint.includes('://') ? endpoint : `https://${endpoint}`,
    accessKey: accessKey ?? environment(names[0]),
    secretKey: secretKey ?? environment(names[1]),
    sessionToken: stanza.read('session_token', secret),
    allowPlainHttp: stanza.read('allow_plain_http', bool),
  };
}

/** The keys are Vault's; so is the variable of the PIN where none is named. */
function readPkcs11(stanza: Section) {
  const lib = stanza.read('lib', path);
  if (lib === undefined) throw refuse(stanza.where, `${stanza.title} needs lib, the path of the vendor's PKCS#11 library`);
  const slot = stanza.read('slot', slotNumber);
  const tokenLabel = stanza.read('token_label', text);
  if (slot === undefined && tokenLabel === undefined) throw refuse(stanza.where, `${stanza.title} needs token_label or slot: which token`);
  const keyLabel = stanza.read('key_label', text);
  const keyId = stanza.read('key_id', objectId);
  if (keyLabel === undefined && keyId === undefined) throw refuse(stanza.where, `${stanza.title} needs key_label or key_id: which key`);
  stanza.read('mechanism', mechanism);
  const pin = stanza.read('pin', secret) ?? environment('VAULT_HSM_PIN');
  return { type: 'pkcs11' as const, lib, slot, tokenLabel, keyLabel, keyId, pin };
}

const slotNumber: Kind<number> = {
  allowed: 'the number of a slot',
  of: (value) => {
    const typed = text.of(value);
    return typed !== undefined && /^(?:\d{1,15}|0x[\da-fA-F]{1,12})$/.test(typed) ? Number(typed) : undefined;
  },
};

const objectId: Kind<string> = {
  allowed: "the key's CKA_ID in hexadecimal digits, two for each byte, such as 0x01",
  of: (value) => /^(?:0x)?((?:[\da-f]{2}){1,64})$/.exec(text.of(value)?.toLowerCase() ?? '')?.[1],
};

const mechanism: Kind<string> = {
  allowed: 'CKM_AES_GCM (0x1087), the only mechanism that is used here',
  of: (value) => {
    const typed = text.of(value);
    return typed !== undefined && /^(?:CKM_AES_GCM|0x1087|4231)$/i.test(typed) ? typed : undefined;
  },
};

function environment(name: string): KeySource {
  return { kind: 'environment', name };
}

const serverAddress = {
  ...url,
  allowed: 'a URL without user and password, such as https://vault.example.com:8200, or unix:///PATH',
  of: (value: Parameters<typeof url.of>[0]) =>
    value.kind === 'string' && /^unix:\/\/\/[^\0$]+$/.test(value.text) ? value.text : url.of(value),
};
