// The types of install.mjs, for its tests.
export class Stop extends Error {}
export function stampOf(root: string): string;
export function matchesLock(root: string): boolean;
export function isInstalled(root: string): boolean;
export function withLock<T>(root: string, work: () => T | Promise<T>, patience?: number): Promise<T>;
export function reasonOf(output: string): string;
export function ensureInstalled(
  root: string,
  options?: { readonly install?: (root: string) => void; readonly say?: (sentence: string) => void },
): Promise<void>;
