// The plugin: every provider on its socket, its keys probed, its sockets watched, until it is told to end.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { AuditTrail } from './audit-trail.ts';
import { type GrpcServer, serveSocket } from './grpc-server.ts';
import type { PluginMetrics, Sample } from './metrics.ts';
import { type ProbedKey, probeKey } from './probing.ts';
import { wrongKey } from './proof.ts';
import { createProvider, orAborted, type Provider } from './provider.ts';
import { kmsMethods } from './services.ts';
import { type OwnedSocket, ownSocket } from './socket.ts';

export interface PluginProvider {
  readonly name: string;
  readonly socket: string;
  /** The first seals. The plugin closes them. */
  readonly backends: readonly [KeyBackend, ...KeyBackend[]];
  /** What the first key must open; see proof.ts. */
  readonly proof: string | undefined;
  readonly probeEvery: number;
  readonly unhealthyAfter: number;
}

export interface PluginParts {
  readonly providers: readonly PluginProvider[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: PluginMetrics;
  /** Closed by the plugin. */
  readonly audit: AuditTrail;
  readonly auditRequired: boolean;
}

export interface Plugin {
  health(): readonly { readonly name: string; readonly healthz: string; readonly keyId: string }[];
  /** Answers what is under way, ends what is left after `grace` ms, and gives the sockets away. */
  end(grace: number): Promise<void>;
}

/** Milliseconds for a call whose caller sets no deadline, and for a probe. kube-apiserver waits for 3 s by default. */
const longestCall = 10_000;
/** Of one provider. */
const mostCalls = 256;
/** Milliseconds between two looks whether the sockets are where they should be. */
const lookEvery = 2_000;

/** Resolves when it listens everywhere. Rejects with Fault `usage` in a sentence, and leaves nothing behind. */
export async function startPlugin(parts: PluginParts): Promise<Plugin> {
  const { log, audit } = parts;
  const running: Running[] = [];
  const end = async (grace: number): Promise<void> => {
    clearInterval(looking);
    await Promise.all(running.map(({ server }) => server.drain(grace)));
    for (const { keys } of running) for (const key of keys) key.stop();
    for (const { backends } of parts.providers) for (const backend of backends) backend.close();
    await audit.close();
  };
  const looking = setInterval(() => {
    for (const { server, given } of running)
      server.look().catch((error: unknown) => log.error('the socket cannot be had back', { provider: given.name, error }));
  }, lookEvery);
  try {
    for (const given of parts.providers) running.push(await startProvider(given, parts));
  } catch (thrown) {
    await end(0);
    throw thrown;
  }
  gauges(parts.metrics, running);
  return { end, health: () => running.map(({ provider }) => ({ name: provider.name, ...provider.status() })) };
}

interface Running {
  readonly given: PluginProvider;
  readonly provider: Provider;
  readonly keys: readonly ProbedKey[];
  readonly server: GrpcServer;
}

async function startProvider(given: PluginProvider, parts: PluginParts): Promise<Running> {
  const { name, proof, backends } = given;
  const { clock, metrics, audit, auditRequired } = parts;
  const { probeEvery: every, unhealthyAfter } = given;
  const log = parts.log.with({ provider: name });
  if (proof !== undefined) await refuseWrongKey(name, backends[0], proof);
  const socket: OwnedSocket = await ownSocket(given.socket, log);
  const keys: ProbedKey[] = [];
  try {
    const probe = (backend: KeyBackend, given: string | undefined): ProbedKey =>
      probeKey(backend, {
        ...{ clock, log, every, unhealthyAfter, deadline: longestCall, proof: given },
        failed: ({ code }) => metrics.backendFailed(name, backend.type, code),
      });
    const [first, ...others] = backends;
    const probed = [probe(first, proof), ...others.map((other) => probe(other, undefined))] as const;
    keys.push(...probed);
    const auditFailed = (fault: Fault): void => log.error('an unwrap stands in no audit file', { reason: fault.message });
    const provider = createProvider({ name, keys: probed, clock, metrics, audit, auditRequired, auditFailed });
    const methods = kmsMethods({ provider, metrics, log, mostCalls });
    const server = await serveSocket(socket, { methods, log, longestCall });
    log.info('the provider listens', { socket: socket.path, keyId: backends[0].current().keyId });
    return { given, provider, keys, server };
  } catch (thrown) {
    for (const key of keys) key.stop();
    socket.release();
    throw thrown;
  }
}

/** Milliseconds: a key on this machine has opened it by then, and one that is far away must not keep the socket waiting. */
const proofWithin = 200;

/** A wrong key is found before anything is written with it. One that cannot be asked now is proven before it seals. */
async function refuseWrongKey(name: string, backend: KeyBackend, proof: string): Promise<void> {
  const asked = wrongKey(backend, proof, AbortSignal.timeout(longestCall));
  // Who cannot say now is asked again by the probes.
  const wrong = await orAborted(asked, AbortSignal.timeout(proofWithin)).catch(() => undefined);
  if (wrong !== undefined) throw new Fault('usage', `provider ${name}: ${wrong}`);
}

/** Key ids as kube-apiserver's own metrics show them. */
function gauges(metrics: PluginMetrics, running: readonly Running[]): void {
  const ofEach = (sample: (one: Running) => Sample | undefined) => (): Sample[] => running.flatMap((one) => sample(one) ?? []);
  metrics.gauge(
    'casemate_kms_key_info',
    'The key that seals, by the hash under which kube-apiserver shows it.',
    ofEach(({ provider }) => {
      const { keyId } = provider.status();
      return keyId === '' ? undefined : { labels: { provider: provider.name, key_id_hash: `sha256:${sha256Hex(keyId)}` }, value: 1 };
    }),
  );
  metrics.gauge(
    'casemate_kms_healthy',
    'Whether Status says ok.',
    ofEach(({ provider }) => ({ labels: { provider: provider.name }, value: provider.status().healthz === 'ok' ? 1 : 0 })),
  );
  metrics.gauge('casemate_kms_seconds_since_good_probe', 'Seconds since the key answered a probe.', () =>
    running.flatMap(({ provider, keys }) =>
      keys.flatMap((key, index) => {
        const value = key.sinceGood();
        return value === undefined ? [] : { labels: { provider: provider.name, key: String(index), backend: key.backend.type }, value };
      }),
    ),
  );
}
