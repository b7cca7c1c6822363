// `casemate kms check`: asks each key of a configuration to seal and to open something, without touching a socket.

import { systemClock } from '../../base/clock.ts';
import type { KmsConfig } from '../../base/config/kms.ts';
import { asFault, Fault } from '../../base/fault.ts';
import { silentLog } from '../../base/log.ts';
import { systemRandom } from '../../crypto/random.ts';
import { makeProof, wrongKey } from '../../etcd/plugin/proof.ts';
import { openBackend } from '../../keys/open-backend.ts';

/** Milliseconds for each key. */
const patience = 10_000;

/** A line for each key. Rejects with the first Fault, naming provider and key. */
export async function checkKeys({ providers }: KmsConfig): Promise<string[]> {
  const lines: string[] = [];
  for (const { name, socket, keys, proof } of providers)
    for (const [index, key] of keys.entries()) {
      const where = `provider ${name}, key ${index + 1} (${key.type})`;
      const parts = { clock: systemClock, random: systemRandom, log: silentLog, environment: process.env };
      const backend = await openBackend(key, parts).catch((thrown: unknown) => {
        throw told(where, thrown);
      });
      try {
        const signal = AbortSignal.timeout(patience);
        await backend.probe(signal);
        const wrong = index === 0 && proof !== undefined ? await wrongKey(backend, proof, signal) : undefined;
        if (wrong !== undefined) throw new Fault('usage', wrong);
        lines.push(`${where}: ok, key id ${backend.current().keyId}, ${index === 0 ? `seals and opens at ${socket}` : 'opens'}`);
        if (index === 0 && proof === undefined)
          lines.push(
            '  to have a node with another key found at its start, put this into the provider on every node:',
            `  proof = "${await makeProof(backend, signal)}"`,
          );
      } catch (thrown) {
        throw told(where, thrown);
      } finally {
        backend.close();
      }
    }
  return lines;
}

function told(where: string, thrown: unknown): Fault {
  const { code, message } = asFault(thrown);
  return new Fault(code, `${where}: ${message}`, { cause: thrown });
}
