// An image with nothing but Node, for pods of a test that have to speak HTTPS.

import { writeImage } from '../../../scripts/image-archive.mjs';
import { addProgram } from '../../../scripts/image-libraries.mjs';
import { imageTree } from '../../../scripts/image-tree.mjs';

/** Writes `docker.io/library/node:fixture` and tells the path again. */
export function writeNodeImage(path: string): string {
  const tree = imageTree();
  addProgram(tree, '/usr/bin/node', process.execPath);
  tree.folder('/tmp', { mode: 0o1777 });
  // By it the C library asks the cluster's DNS.
  tree.text('/etc/nsswitch.conf', 'hosts: files dns\n');
  writeImage(path, 'docker.io/library/node:fixture', tree, { Entrypoint: ['/usr/bin/node'], Env: ['PATH=/usr/bin'] });
  return path;
}
