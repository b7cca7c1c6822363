// A plugin in the test's own process, with a key that does as it is told, and callers for its socket.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { type AuditTrail, openAuditTrail } from '../../src/etcd/plugin/audit-trail.ts';
import { createPluginMetrics } from '../../src/etcd/plugin/metrics.ts';
import { type Plugin, type PluginProvider, startPlugin } from '../../src/etcd/plugin/plugin.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import { type KmsCaller, kmsCaller } from './kms-client.ts';
import { type ScriptedKey, scriptedKey } from './scripted-key.ts';

export interface Desk {
  readonly folder: string;
  readonly socket: string;
  readonly auditFile: string;
  readonly key: ScriptedKey;
  readonly plugin: Plugin;
  readonly v2: KmsCaller;
  readonly v1: KmsCaller;
  metrics(): string;
  /** Lines of the log so far, as text. */
  log(): string;
  /** A further caller, closed at the end. */
  caller(version?: 'v2' | 'v1beta1'): KmsCaller;
  end(): Promise<void>;
}

export interface DeskOptions extends Partial<Pick<PluginProvider, 'probeEvery' | 'unhealthyAfter' | 'proof'>> {
  readonly key?: ScriptedKey;
  readonly others?: readonly KeyBackend[];
  readonly audit?: AuditTrail;
  readonly auditRequired?: boolean;
}

export function deskFolder(): string {
  return mkdtempSync(join(tmpdir(), 'casemate-kms-'));
}

export async function openDesk(options: DeskOptions = {}): Promise<Desk> {
  const folder = deskFolder();
  const { key = scriptedKey(), others = [], auditRequired = true, probeEvery = 60_000, unhealthyAfter = 0, proof } = options;
  const socket = join(folder, 'run', 'kms.sock');
  const auditFile = join(folder, 'audit.log');
  const metrics = createPluginMetrics();
  const lines: string[] = [];
  const log = jsonLog({ level: 'trace', write: (line) => lines.push(line), now: () => 0 });
  const providers = [{ name: 'secrets', socket, backends: [key, ...others] as const, proof, probeEvery, unhealthyAfter }];
  const audit = options.audit ?? (await openAuditTrail({ path: auditFile, deadline: 1_000 }));
  const plugin = await startPlugin({ providers, clock: systemClock, log, metrics, audit, auditRequired }).catch((thrown: unknown) => {
    rmSync(folder, { recursive: true });
    throw thrown;
  });
  const callers: KmsCaller[] = [];
  const caller: Desk['caller'] = (version) => {
    const made = kmsCaller(socket, version);
    callers.push(made);
    return made;
  };
  return {
    ...{ folder, socket, auditFile, key, plugin, caller },
    v2: caller('v2'),
    v1: caller('v1beta1'),
    metrics: metrics.text,
    log: () => lines.join(''),
    async end() {
      for (const one of callers) one.close();
      await plugin.end(1_000);
      rmSync(folder, { recursive: true });
    },
  };
}
