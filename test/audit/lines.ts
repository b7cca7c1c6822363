// Reads back what an audit device wrote, and hashes as it does: made independently of the server.

import { readFileSync } from 'node:fs';
import type { TestServer } from '../suites/server.ts';

export interface AuditLine {
  readonly type: 'request' | 'response';
  readonly time: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape.
  readonly auth: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape.
  readonly request: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape.
  readonly response?: any;
  readonly error?: string;
}

/** Every line must be whole: one that does not parse throws. */
export function readLines(path: string): AuditLine[] {
  const text = readFileSync(path, 'utf8');
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line is torn');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditLine);
}

/** The lines of requests for one path, in order. */
export function linesFor(path: string, wanted: string): AuditLine[] {
  return readLines(path).filter(({ request }) => request.path === wanted);
}

/** What the device says a value looks like in its lines. */
export async function hashOf(server: TestServer, device: string, input: string): Promise<string> {
  const { body } = await server.call('POST', `sys/audit-hash/${device}`, { body: { input } });
  return body.data.hash as string;
}

export async function enableDevice(server: TestServer, device: string, options: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const answer = await server.call('PUT', `sys/audit/${device}`, {
    body: { type: 'file', options: { file_path: `${device}.log`, ...options } },
  });
  if (answer.status !== 204) throw new Error(`enabling ${device}: ${answer.status} ${answer.text}`);
}
