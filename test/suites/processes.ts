// Processes over one store, asked and answered.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export type Question =
  | { readonly ask: 'get' | 'list'; readonly key: string }
  | { readonly ask: 'put'; readonly key: string; readonly value: string }
  | { readonly ask: 'increment'; readonly key: string; readonly times: number }
  | { readonly ask: 'head' }
  | { readonly ask: 'since'; readonly position: number };

export interface Answer {
  readonly id: number;
  readonly given?: unknown;
  readonly thrown?: string;
}

export interface StoreProcess {
  /** Rejects with what the process threw, or when it has ended. */
  ask(question: Question): Promise<unknown>;
  /** Ends it as nothing can be caught. */
  kill(): Promise<void>;
  /** Lets it close its store. Resolves to its exit code. */
  end(): Promise<number | null>;
}

const program = fileURLToPath(new URL('store-process.ts', import.meta.url));

export interface ProcessOptions {
  readonly ringCapacity?: number;
  /** Another user to run as, which only root may choose. */
  readonly uid?: number;
}

export function startProcess(path: string, { ringCapacity, uid }: ProcessOptions = {}): StoreProcess {
  const child = fork(program, [path, ...(ringCapacity === undefined ? [] : [String(ringCapacity)])], uid === undefined ? {} : { uid });
  const waiting = new Map<number, (answer: Answer) => void>();
  let asked = 0;
  const ended = once(child, 'exit').then(([code]: (number | null)[]) => {
    for (const [id, settle] of waiting) settle({ id, thrown: 'the process has ended' });
    return code ?? null;
  });
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  return {
    async ask(question) {
      asked += 1;
      const id = asked;
      const answer = await new Promise<Answer>((resolve) => {
        waiting.set(id, resolve);
        child.send({ id, question });
      });
      if (answer.thrown !== undefined) throw new Error(answer.thrown);
      return answer.given;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async end() {
      if (child.connected) child.disconnect();
      return ended;
    },
  };
}
