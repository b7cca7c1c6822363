// The types of build.mjs, for its tests.
export interface Bundled {
  readonly path: string;
  readonly bytes: number;
  /** Packages that it loads from node_modules. */
  readonly packages: readonly string[];
}
export function bundle(root: string, outdir: string): Promise<Bundled[]>;
