// The process that a PKCS#11 module lives in: it is started by a key backend, speaks with it alone, and ends with it. A module that crashes takes only this.

import koffi from 'koffi';
import type { Request } from '../keys/pkcs11/messages.ts';
import { openDesk } from '../keys/pkcs11/serve.ts';

/** Milliseconds for the module to end in good order. */
const grace = 1_000;

if (process.send === undefined) {
  process.stderr.write('This program is started by a key backend of type pkcs11, and by nobody else.\n');
  process.exit(1);
}

endWithParent();
const desk = openDesk();
process.on('message', (request: Request) => {
  void desk.answer(request).then((reply) => {
    if (process.connected) process.send?.(reply);
  });
});
process.on('disconnect', () => {
  // A call that hangs would keep an orderly exit waiting for its thread.
  const kill = (): void => void process.kill(process.pid, 'SIGKILL');
  setTimeout(kill, grace);
  void desk.end().then(kill, kill);
});
// Whoever ends the parent in good order signals the whole group; the parent may still need a call.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

/** Also when the parent is killed while this process is stopped (PR_SET_PDEATHSIG of prctl(2), with SIGKILL). */
function endWithParent(): void {
  if (process.platform === 'linux') koffi.load(null).func('prctl', 'int', ['int', 'ulong'])(1, 9);
}
