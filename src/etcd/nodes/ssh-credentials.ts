// What a login over SSH is proved by: a private key in a file of this machine, the keys of an agent, or both.

import { Fault } from '../../base/fault.ts';
import { readPrivateFile } from '../../keys/private-file.ts';

export interface LoginSource {
  readonly user: string;
  /** Path of a private key on this machine. */
  readonly keyFile?: string | undefined;
  /** Keys of the agent are tried as well. */
  readonly agent: boolean;
}

/** What the environment of a program tells. */
export interface LoginEnvironment {
  /** Path of the agent's socket, from SSH_AUTH_SOCK. */
  readonly agentSocket: string | undefined;
  /** Of the key file, when it has one. */
  readonly passphrase: string | undefined;
}

export interface Login {
  readonly username: string;
  readonly privateKey?: Buffer;
  readonly passphrase?: string;
  /** Path of the agent's socket. It signs for logins from this machine, and is never forwarded. */
  readonly agent?: string;
  /** For messages: `the key ~/.ssh/id_ed25519 and the keys of the agent`. */
  readonly shown: string;
}

/** `usable`: whether a text is a private key that opens with this passphrase. Throws Fault `usage` in a sentence. */
export function readLogin(
  { user, keyFile, agent }: LoginSource,
  { agentSocket, passphrase }: LoginEnvironment,
  usable: (key: Buffer, passphrase: string | undefined) => boolean,
): Login {
  if (keyFile === undefined && !agent)
    throw new Fault('usage', `nothing to log in with as ${user}: name a key file, or take the keys of your agent with --ssh-agent-auth`);
  if (agent && (agentSocket === undefined || agentSocket === ''))
    throw new Fault(
      'usage',
      'the keys of an SSH agent are asked for, but SSH_AUTH_SOCK names no agent: start one, and add a key with ssh-add',
    );
  const shown = [...(keyFile === undefined ? [] : [`the key ${keyFile}`]), ...(agent ? ['the keys of the agent'] : [])].join(' and ');
  const privateKey = keyFile === undefined ? undefined : readPrivateFile(keyFile, 'the SSH key');
  if (privateKey !== undefined && !usable(privateKey, passphrase))
    throw new Fault(
      'usage',
      `${keyFile} is no private key that can be used: ${passphrase === undefined ? 'if it has a passphrase, hand that in or add the key to an agent' : 'the passphrase may be wrong'}`,
    );
  return {
    username: user,
    shown,
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(privateKey === undefined || passphrase === undefined ? {} : { passphrase }),
    ...(agent && agentSocket !== undefined ? { agent: agentSocket } : {}),
  };
}
