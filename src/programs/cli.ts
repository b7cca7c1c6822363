// The `casemate` command: hands its process to the program or to the command that its first word names.

import { homedir } from 'node:os';

const [first = '', ...rest] = process.argv.slice(2);

/** A reader that went away (`| head`) is no fault: end as a program in C would. */
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 141 : 1));

const code = await main();
// Where stdout is a socket, what was written is still on its way.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
process.exit(code);

async function main(): Promise<number> {
  switch (first) {
    case 'server':
      return (await import('./server.ts')).serve(rest);
    case 'kms':
      return (await import('./kms.ts')).kms(rest);
    case 'etcd':
      return (await import('./etcd.ts')).etcd(rest);
    case 'keyring':
      return (await import('./keyring.ts')).keyring(rest);
    case 'start':
      return (await import('./server.ts')).start(rest);
    default:
      return runCommand();
  }
}

async function runCommand(): Promise<number> {
  const [{ run }, { streamInput }] = await Promise.all([import('../cli/run.ts'), import('../cli/terminal.ts')]);
  const interrupted = new AbortController();
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  let ended: number | undefined;
  for (const [name, code] of Object.entries(signals))
    process.once(name, () => {
      ended = code;
      interrupted.abort();
      // Whoever waits for input has nothing to end in an orderly way.
      setTimeout(() => process.exit(code), 500).unref();
    });
  const code = await run({
    name: nameOf(process.env['CASEMATE_INVOKED_AS']),
    words: process.argv.slice(2),
    env: process.env,
    home: process.env['HOME'] ?? homedir(),
    stdin: streamInput(process.stdin),
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    signal: interrupted.signal,
  });
  return ended ?? code;
}

function nameOf(invokedAs: string | undefined): string {
  return invokedAs === 'vault' || invokedAs === 'bao' ? invokedAs : 'casemate';
}

function outputOf(stream: NodeJS.WriteStream): { readonly isTerminal: boolean; write(text: string | Uint8Array): void } {
  return { isTerminal: stream.isTTY === true, write: (text) => void stream.write(text) };
}
