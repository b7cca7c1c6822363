// A process with a PKCS#11 backend, for the tests that end it: probes, says so, and waits.

import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { openPkcs11 } from '../../src/keys/backends/pkcs11.ts';

const [lib = '', pin = '', then] = process.argv.slice(2);
const backend = openPkcs11(
  { type: 'pkcs11', lib, tokenLabel: 'casemate', keyLabel: 'etcd', pin: { kind: 'text', reveal: () => pin } },
  { clock: systemClock, random: systemRandom, log: silentLog, environment: process.env },
);
await backend.probe(AbortSignal.timeout(20_000));
process.stdout.write('probed\n');
// An idle backend that nobody closed must not hold a process whose work is done.
if (then === 'wait') setInterval(() => {}, 60_000);
