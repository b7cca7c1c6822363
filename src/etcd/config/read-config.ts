// Reads an EncryptionConfiguration as strictly as kube-apiserver does: a field that it does not know is refused, not ignored.

import { Fault } from '../../base/fault.ts';
import { type OpenDocument, openDocument, type Place } from './document.ts';
import type { EncryptionConfig, KeyProvider, KmsProvider, Provider, ResourceEntry } from './encryption-config.ts';
import { type Finding, warning } from './finding.ts';
import { goDuration } from './go-duration.ts';

export interface ReadConfig {
  readonly config: EncryptionConfig;
  /** Warnings that only the text gives rise to. */
  readonly findings: readonly Finding[];
  /** Line (from 1) of a path as findings name it, or of the nearest thing around it. */
  lineOf(path: string): number;
}

export interface ReadOptions {
  /** Of the file, for messages. */
  readonly path: string;
}

/** `EncryptionConfig` of `v1` is what documents of old said (kubernetes/apiserver, pkg/apis/apiserver/v1/register.go). */
const kinds = ['apiserver.config.k8s.io/v1 EncryptionConfiguration', 'v1 EncryptionConfig'];

const keyTypes = ['aesgcm', 'aescbc', 'secretbox'] as const;
const providerTypes = [...keyTypes, 'identity', 'kms'] as const;

/**
 * YAML or JSON. Values that kube-apiserver fills in itself (`apiVersion: v1` of a kms) are filled in; whether it would start with
 * the configuration is `findingsOf`'s to tell.
 * Throws Fault `usage` with the file, the line and what to do.
 */
export function readEncryptionConfig(text: string, { path }: ReadOptions): ReadConfig {
  const document = openDocument(text, path);
  const fields = document.fields(document.root, ['apiVersion', 'kind', 'resources']);
  if (fields === undefined) throw new Fault('usage', `${path} holds no EncryptionConfiguration`);
  const kind = `${document.text(fields.get('apiVersion'))} ${document.text(fields.get('kind'))}`;
  if (!kinds.includes(kind))
    throw new Fault(
      'usage',
      `${path} is no EncryptionConfiguration: "apiVersion: apiserver.config.k8s.io/v1" and "kind: EncryptionConfiguration" have to stand in it`,
    );
  const config = { resources: itemsOf(document, fields.get('resources')).map((place) => entryAt(document, place)) };
  return {
    config,
    findings: document.more
      ? [warning('', 'has further documents behind the first one, which kube-apiserver does not look at: remove them')]
      : [],
    lineOf: document.lineOf,
  };
}

function itemsOf(document: OpenDocument, place: Place | undefined): readonly Place[] {
  return place === undefined ? [] : document.items(place);
}

function entryAt(document: OpenDocument, place: Place): ResourceEntry {
  const fields = document.fields(place, ['resources', 'providers']);
  return {
    resources: itemsOf(document, fields?.get('resources')).map((item) => document.text(item)),
    providers: itemsOf(document, fields?.get('providers')).map((item) => providerAt(document, item)),
  };
}

function providerAt(document: OpenDocument, place: Place): Provider {
  const found = document.fields(place, providerTypes) ?? new Map<string, Place>();
  const given = providerTypes.flatMap((type) => {
    const at = found.get(type);
    const fields = at === undefined ? undefined : document.fields(at, namesOf[type]);
    return at === undefined || fields === undefined ? [] : [{ type, at, fields }];
  });
  const [first, second] = given;
  if (second !== undefined)
    throw document.refusal(place, `has ${given.map(({ type }) => type).join(' and ')}: give each provider a dash of its own`);
  if (first === undefined) {
    const empty = [...found.keys()][0];
    const mend = empty === 'identity' ? 'write "identity: {}"' : `name one of ${providerTypes.join(', ')}`;
    throw document.refusal(place, `names no provider${empty === undefined ? '' : ` (${empty} is empty)`}: ${mend}`);
  }
  const { type, at, fields } = first;
  if (type === 'identity') return { type };
  return type === 'kms' ? kmsAt(document, at, fields) : keysAt(document, type, fields);
}

const namesOf: Readonly<Record<(typeof providerTypes)[number], readonly string[]>> = {
  aesgcm: ['keys'],
  aescbc: ['keys'],
  secretbox: ['keys'],
  identity: [],
  kms: ['apiVersion', 'name', 'cachesize', 'endpoint', 'timeout'],
};

type Fields = ReadonlyMap<string, Place>;

function keysAt(document: OpenDocument, type: KeyProvider['type'], fields: Fields): KeyProvider {
  return {
    type,
    keys: itemsOf(document, fields.get('keys')).map((item) => {
      const key = document.fields(item, ['name', 'secret']);
      return { name: document.text(key?.get('name')), secret: document.text(key?.get('secret')) };
    }),
  };
}

function kmsAt(document: OpenDocument, place: Place, fields: Fields): KmsProvider {
  const apiVersion = document.text(fields.get('apiVersion')) || 'v1';
  if (apiVersion !== 'v1' && apiVersion !== 'v2')
    throw document.refusal(fields.get('apiVersion') ?? place, 'is neither v1 nor v2: say v2, unless the plugin speaks v1 alone');
  return {
    type: 'kms',
    apiVersion,
    name: document.text(fields.get('name')),
    endpoint: document.text(fields.get('endpoint')),
    timeout: durationAt(document, fields.get('timeout')),
    cachesize: document.integer(fields.get('cachesize')),
  };
}

function durationAt(document: OpenDocument, place: Place | undefined): string | undefined {
  // Null is left out; an empty text is no duration.
  if (place === undefined || document.isNull(place)) return undefined;
  const text = document.text(place);
  if (goDuration(text) === undefined) throw document.refusal(place, 'is no duration: write it as 3s or 500ms');
  return text;
}
