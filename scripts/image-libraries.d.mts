// The types of image-libraries.mjs.
import type { ImageTree } from './image-tree.mjs';

export function addLibraries(tree: ImageTree, program: string, libraryPath?: readonly string[]): void;
export function addProgram(tree: ImageTree, at: string, program: string, libraryPath?: readonly string[]): void;
