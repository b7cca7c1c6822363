// The types of image-archive.mjs.
import type { ImageTree } from './image-tree.mjs';

/** As Docker names them: `User` is `uid:gid`, `Env` holds `NAME=value`. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}
/** `id` is `sha256:<hex>` of the image's description; `bytes` is the size of its layer. */
export function writeImage(
  path: string,
  name: string,
  tree: ImageTree,
  config: ImageConfig,
  architecture?: string,
): { readonly id: string; readonly bytes: number };
