// The types of runtime.mjs, for its tests.
export interface RunningNode {
  readonly platform: string;
  readonly arch: string;
  readonly version: string;
  readonly execPath: string;
}
export function findNode(root: string, current?: RunningNode): string | undefined;
export function missingNode(current?: Pick<RunningNode, 'platform' | 'arch' | 'version'>): string;
export function compileCache(root: string): string | undefined;
