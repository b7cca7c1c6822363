// The types of image.mjs, for the tests that run Casemate's own image.
import type { ImageConfig } from './image-archive.mjs';
import type { ImageTree } from './image-tree.mjs';

/** Bundles the programs and hands the image's files, its configuration and its name to `use`, while the files lie on the disk. */
export function withCasemateImage<T>(root: string, use: (tree: ImageTree, config: ImageConfig, name: string) => T | Promise<T>): Promise<T>;
