// Runs the tests that stand on a real Kubernetes cluster, or says in a sentence what this machine lacks for them.
import { spawnSync } from 'node:child_process';
import { closeRun } from './closing-line.mjs';
import { clusterFixtures } from './fixtures/cluster.mjs';

/** Suites that need a whole node: containers, images, CoreDNS. */
const NODE_SUITES = 'test/cluster/suites/node*.test.ts';

/** What makes every suite impossible, as a sentence; undefined when there is nothing. */
function whatIsMissing() {
  if (process.platform !== 'linux') return 'A Kubernetes control plane needs Linux.';
  if (process.getuid() !== 0) return 'The cluster tests need root, for host names and namespaces of their own.';
  for (const tool of ['openssl', 'unshare'])
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error) return `The cluster tests need ${tool}, which is not installed.`;
  const found = clusterFixtures(['kube', 'etcd']);
  return found.ready ? undefined : found.sentence;
}

/** What makes the suites of the node impossible. */
function whatTheNodeLacks() {
  const found = clusterFixtures();
  return found.ready ? undefined : found.sentence;
}

const required = process.env.CI === 'true' || process.env.CASEMATE_REQUIRE_CLUSTER === '1';
const missing = whatIsMissing();
const lacking = missing ?? whatTheNodeLacks();
if (missing === undefined && (lacking === undefined || !required)) {
  if (lacking !== undefined) console.log(`${lacking} The tests that need a node are left out.`);
  process.argv.splice(2, 0, '--cluster', ...(lacking === undefined ? [] : ['--exclude', NODE_SUITES]));
  await import('./test.mjs');
} else {
  const skipped = required ? [] : [{ name: 'the cluster tests', reason: lacking }];
  for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
  if (required) console.log(`${lacking} CI or CASEMATE_REQUIRE_CLUSTER asks for the cluster tests, so they have failed.`);
  closeRun('test-cluster', { passed: 0, failed: required ? 1 : 0, skipped });
  process.exitCode = required ? 1 : 0;
}
