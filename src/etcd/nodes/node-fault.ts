// What a node refuses, in one sentence each: which node, which path, why, and what to do.

import { Fault } from '../../base/fault.ts';

export type Refusal = 'forbidden' | 'readOnly' | 'full' | 'refused' | 'notAFile' | 'incomplete' | 'noFolder';

export interface RefusalPlace {
  /** `root@10.0.0.11:22 over SSH`. */
  readonly way: string;
  readonly path: string;
  /** What gives more rights on this way: `use --sudo, or log in as root`. */
  readonly advice: string;
  /** What a tool of the node said about it, without what any file holds. */
  readonly said?: string | undefined;
  readonly cause?: unknown;
}

export function refusal(kind: Refusal, { way, path, advice, said, cause }: RefusalPlace): Fault {
  const on = `${way}: ${path}`;
  const because = said === undefined || said === '' ? '' : ` (${said})`;
  const options = { cause };
  switch (kind) {
    case 'forbidden':
      return new Fault('permission-denied', `${on} is closed to this user; ${advice}`, options);
    case 'readOnly':
      return new Fault('storage-failed', `${on} lies on a file system that is mounted read-only; look why, and remount it`, options);
    case 'full':
      return new Fault('storage-failed', `${on} cannot be written: its file system is full; make room and try again`, options);
    case 'notAFile':
      return new Fault(
        'invalid-request',
        `${on} is not of the kind that is needed: a folder stands where a file should, or the reverse`,
        options,
      );
    case 'incomplete':
      return new Fault('unavailable', `${on} was not written, since its content did not arrive whole; try again`, options);
    case 'noFolder':
      return new Fault('not-found', `${on} cannot be written: its folder is not there; make it first`, options);
    case 'refused':
      return new Fault('storage-failed', `${on}: the node refused${because}; see its kernel log for errors of the disk`, options);
  }
}

/** For work that ended because the caller's signal came. */
export function stopped(way: string, what: string, signal: AbortSignal): Fault {
  if ((signal.reason as Error | undefined)?.name === 'TimeoutError')
    return new Fault('timeout', `${way}: ${what} took too long; is the node under heavy load?`, { fields: { stopped: true } });
  return new Fault('unavailable', `${way}: ${what} was stopped before it had ended`, { fields: { stopped: true } });
}
