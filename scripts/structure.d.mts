// The types of structure.mjs, for its tests.
export function faultsOfSource(path: string, text: string): string[];
export function faultsOfText(text: string): string[];
export function checkStructure(root: string): string[];
