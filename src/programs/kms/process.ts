// The KMS plugin as a process: from a configuration to sockets that listen, and from a signal to their orderly end.

import { systemClock } from '../../base/clock.ts';
import type { KmsConfig, KmsProvider } from '../../base/config/kms.ts';
import { asFault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openAuditTrail } from '../../etcd/plugin/audit-trail.ts';
import { healthHandler } from '../../etcd/plugin/health.ts';
import { createPluginMetrics } from '../../etcd/plugin/metrics.ts';
import { type Plugin, type PluginProvider, startPlugin } from '../../etcd/plugin/plugin.ts';
import type { Listener } from '../../http/listener.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { openBackend } from '../../keys/open-backend.ts';

export interface KmsProcess {
  readonly plugin: Plugin;
  /** Of health and metrics; undefined where nothing listens. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  /** Resolves when it has ended after SIGTERM or SIGINT. */
  untilEnd(): Promise<void>;
}

/** Milliseconds for calls under way once the end has been asked for: less than the kubelet leaves a pod. */
const grace = 5_000;
/** Milliseconds for an audit line: within what kube-apiserver waits for a call. */
const auditDeadline = 2_000;

/** Rejects with Fault `usage` in one sentence, and leaves nothing behind. */
export async function startKms(config: KmsConfig, log: Log): Promise<KmsProcess> {
  const metrics = createPluginMetrics();
  const providers = await openProviders(config, log);
  const audit = await openAuditTrail({ path: config.audit.path, deadline: auditDeadline }).catch((thrown: unknown) => {
    closeAll(providers);
    throw thrown;
  });
  const plugin = await startPlugin({ providers, clock: systemClock, log, metrics, audit, auditRequired: config.audit.required });
  const listener = await listenForHealth(config, plugin, metrics.text, log);
  const end = async (): Promise<void> => {
    await Promise.all([listener?.listener.drain(1_000), plugin.end(grace)]);
  };
  process.on('SIGHUP', () => {
    audit.reopen().then(
      () => log.info('the audit file was opened anew'),
      (error: unknown) => log.error('the audit file could not be opened anew', { error: asFault(error) }),
    );
  });
  return { plugin, health: listener?.at, untilEnd: () => untilSignal(log).then(end) };
}

async function openProviders({ providers }: KmsConfig, log: Log): Promise<PluginProvider[]> {
  const opened: PluginProvider[] = [];
  try {
    for (const provider of providers) opened.push({ ...provider, backends: await openKeys(provider, log) });
  } catch (thrown) {
    closeAll(opened);
    throw thrown;
  }
  return opened;
}

async function openKeys({ name, keys }: KmsProvider, log: Log): Promise<PluginProvider['backends']> {
  const parts = { clock: systemClock, random: systemRandom, log: log.with({ provider: name }), environment: process.env };
  const opened: KeyBackend[] = [];
  try {
    for (const key of keys) opened.push(await openBackend(key, parts));
  } catch (thrown) {
    for (const backend of opened) backend.close();
    throw thrown;
  }
  return opened as [KeyBackend, ...KeyBackend[]];
}

function closeAll(providers: readonly PluginProvider[]): void {
  for (const { backends } of providers) for (const backend of backends) backend.close();
}

interface HealthListener {
  readonly listener: Listener;
  readonly at: { readonly host: string; readonly port: number };
}

/** Loaded when the sockets listen already: kube-apiserver waits for those. A taken port must not keep Secrets from being read. */
async function listenForHealth(
  { health }: KmsConfig,
  plugin: Plugin,
  metrics: () => string,
  log: Log,
): Promise<HealthListener | undefined> {
  if (health === undefined) return undefined;
  const { createListener } = await import('../../http/listener.ts');
  const listener = createListener({ handle: healthHandler({ health: () => plugin.health(), metrics }), log });
  try {
    return { listener, at: await listener.listen(health.host, health.port) };
  } catch (thrown) {
    log.error('health and metrics are not served', { ...health, reason: asFault(thrown).message });
    return undefined;
  }
}

/** A second signal no longer waits. */
function untilSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        log.info('the plugin ends', { signal });
        for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
        resolve();
      });
  });
}
