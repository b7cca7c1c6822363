// The types of image-tree.mjs.

/** Owners are numbers, root's when left out; `mode` is what chmod takes. */
export interface EntryRights {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}
export type Entry = { readonly mode: number; readonly uid: number; readonly gid: number } & (
  | { readonly type: 'file'; readonly source: string }
  | { readonly type: 'file'; readonly bytes: Uint8Array }
  | { readonly type: 'link'; readonly to: string }
  | { readonly type: 'folder' }
);
export interface ImageTree {
  file(path: string, source: string, rights?: EntryRights): void;
  text(path: string, text: string, rights?: EntryRights): void;
  folder(path: string, rights?: EntryRights): void;
  link(path: string, to: string): void;
  copy(path: string, source: string, keep?: (below: string) => boolean): void;
  has(path: string): boolean;
  entries(): readonly (readonly [path: string, entry: Entry])[];
}
export function imageTree(): ImageTree;
export function contentOf(entry: Entry): Uint8Array;
export function layOut(folder: string, tree: ImageTree): void;
