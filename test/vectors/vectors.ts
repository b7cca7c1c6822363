// Reads the files of vectors in this folder: cases that others published, or that another implementation answered.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Each file names its source; the shape of the rest is the file's own. */
export function readVectors<T>(name: string): T & { readonly source: string } {
  return JSON.parse(readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8')) as T & { readonly source: string };
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
