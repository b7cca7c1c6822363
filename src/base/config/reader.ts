// Reads the configuration of the secrets server: texts in HCL or JSON, merged in order, as one typed value with warnings.

import type { LogLevel } from '../log.ts';
import { readAudits } from './audit.ts';
import { defaults, type ServerConfig, type TelemetryConfig } from './config.ts';
import { bool, lifetime, path, text, url, whole, word } from './kind.ts';
import { readListeners } from './listener.ts';
import { readLockouts } from './lockout.ts';
import { readSeal } from './seal.ts';
import { openSection, refuse, type Section } from './section.ts';
import { readStorage } from './storage.ts';
import { type ConfigText, parseConfigText } from './syntax.ts';

export interface ReadConfig {
  readonly config: ServerConfig;
  /** Sentences for the log: `unknown stanza "foo" at vault.hcl:12`. */
  readonly warnings: readonly string[];
}

/**
 * Later texts override the single values of earlier ones; stanzas add up.
 * Throws Fault `usage`: `vault.hcl:12: what is wrong and what is allowed`, never with a key of the seal in it.
 */
export function readConfig(texts: readonly ConfigText[]): ReadConfig {
  const warnings = new Set<string>();
  const entries = texts.flatMap((one) => parseConfigText(one).map((item) => ({ item, file: one.path })));
  const top = openSection(entries, {
    title: '',
    labels: [],
    where: texts.map((one) => one.path).join(', ') || 'the configuration',
    warn: (warning) => warnings.add(warning),
  });
  const config = readServer(top);
  acceptIdle(top);
  top.warnOfRest();
  return { config, warnings: [...warnings] };
}

function readServer(top: Section): ServerConfig {
  return {
    storage: readStorage(top),
    listeners: readListeners(top),
    seal: readSeal(top),
    audits: readAudits(top),
    auditDirectory: top.read('audit_directory', path),
    apiAddress: top.read('api_addr', url),
    clusterAddress: top.read('cluster_addr', text),
    clusterName: top.read('cluster_name', text),
    ...readLeaseTtls(top),
    lockouts: readLockouts(top),
    ui: top.read('ui', bool) ?? false,
    logLevel: top.read('log_level', logLevels) ?? 'info',
    disableCache: top.read('disable_cache', bool) ?? false,
    cacheBytes: top.read('cache_bytes', whole('bytes')) ?? defaults.cacheBytes,
    pidFile: top.read('pid_file', path),
    telemetry: readTelemetry(top),
  };
}

/** As in Vault a zero asks for the default. */
function readLeaseTtls(top: Section): Pick<ServerConfig, 'defaultLeaseTtl' | 'maxLeaseTtl'> {
  const givenDefault = top.read('default_lease_ttl', lifetime) || undefined;
  const givenMax = top.read('max_lease_ttl', lifetime) || undefined;
  const defaultLeaseTtl = givenDefault ?? defaults.leaseTtl;
  const maxLeaseTtl = givenMax ?? defaults.leaseTtl;
  if (defaultLeaseTtl > maxLeaseTtl)
    throw refuse(
      top.whereIs(givenDefault === undefined ? 'max_lease_ttl' : 'default_lease_ttl'),
      `default_lease_ttl (${ttlText(givenDefault)}) must not be longer than max_lease_ttl (${ttlText(givenMax)})`,
    );
  return { defaultLeaseTtl, maxLeaseTtl };
}

function ttlText(given: number | undefined): string {
  return given === undefined ? '768h, since it is not given' : `${given}s`;
}

const logLevels = word<LogLevel>(
  new Map([
    ['trace', 'trace'],
    ['debug', 'debug'],
    ['info', 'info'],
    ['warn', 'warn'],
    ['warning', 'warn'],
    ['error', 'error'],
    ['err', 'error'],
  ]),
);

function readTelemetry(top: Section): TelemetryConfig {
  const telemetry = top.merged('telemetry');
  const prometheusRetention = telemetry.read('prometheus_retention_time', lifetime) ?? defaults.prometheusRetention;
  const disableHostname = telemetry.read('disable_hostname', bool) ?? false;
  telemetry.warnOfRest();
  return { prometheusRetention, disableHostname };
}

const logFormats = word(new Map(['json', 'standard'].map((format) => [format, format])));

/** What Vault's configurations hold and this server has no use for. */
function acceptIdle(top: Section): void {
  // Memory is never locked: what must not reach a swap device is the operator's to encrypt, as the guide says.
  top.read('disable_mlock', bool);
  if (top.read('raw_storage_endpoint', bool) === true)
    throw refuse(top.whereIs('raw_storage_endpoint'), 'raw_storage_endpoint must be false: there is no way around the barrier');
  if (top.read('log_format', logFormats) === 'standard') top.acceptIdle('log_format', 'the log is written as JSON');
  top.acceptIdle('cache_size', 'the cache is bounded in bytes, by cache_bytes');
  top.acceptIdle('plugin_directory', 'there are no plugins');
  for (const key of ['cluster_addr', 'ha_storage', 'ha_backend'])
    top.acceptIdle(key, 'every server on one storage is active, and they do not speak to one another');
  top.acceptIdle('service_registration', 'the server registers nowhere');
}
