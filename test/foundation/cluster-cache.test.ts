// The cache of the cluster fixture: names that follow from content, folders that are complete or absent, one builder at a time.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterFixtures } from '../../scripts/fixtures/cluster.mjs';
import { cacheFolder, complete, partName, withBuildLock } from '../../scripts/fixtures/cluster-cache.mjs';
import { GO_PART_NAMES, goFolder, pinnedVersion } from '../../scripts/fixtures/cluster-go.mjs';

let root: string;
const configured = process.env['CASEMATE_FIXTURES'];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'casemate-cache-'));
  process.env['CASEMATE_FIXTURES'] = root;
});
afterEach(() => {
  if (configured === undefined) delete process.env['CASEMATE_FIXTURES'];
  else process.env['CASEMATE_FIXTURES'] = configured;
  rmSync(root, { recursive: true, force: true });
});

describe('the name of a part', () => {
  it('is the same for the same inputs and another for any other', () => {
    const name = partName('etcd', ['go.mod', 'go.sum', 'flags']);
    expect(name).toMatch(/^etcd-[0-9a-f]{24}$/);
    expect(partName('etcd', ['go.mod', 'go.sum', 'flags'])).toBe(name);
    expect(partName('etcd', ['go.mod', 'go.sum', 'flagS'])).not.toBe(name);
    expect(partName('etcd', ['go.mo', 'dgo.sum', 'flags'])).not.toBe(name);
  });

  it('changes with the Go that builds', () => {
    for (const part of GO_PART_NAMES) {
      expect(dirname(goFolder(part, 'go1.26.8 amd64'))).toBe(root);
      expect(goFolder(part, 'go1.26.8 amd64')).not.toBe(goFolder(part, 'go1.26.9 amd64'));
    }
  });

  it('lies in the home folder unless CASEMATE_FIXTURES says where', () => {
    expect(cacheFolder({ CASEMATE_FIXTURES: '/elsewhere' })).toBe('/elsewhere');
    expect(cacheFolder({})).toMatch(/\/\.cache\/casemate-fixtures$/);
  });
});

describe('a version', () => {
  it('is read from go.mod, in a list or alone', () => {
    expect(pinnedVersion('require (\n\tk8s.io/kubernetes-cni v9.9.9\n\tk8s.io/kubernetes v1.37.2\n)\n', 'k8s.io/kubernetes')).toBe(
      'v1.37.2',
    );
    expect(pinnedVersion('require example.org/a v0.1.0 // indirect\n', 'example.org/a')).toBe('v0.1.0');
    expect(() => pinnedVersion('go 1.26.0\n', 'example.org/a')).toThrow('go.mod pins no version of example.org/a');
  });
});

describe('a folder of the cache', () => {
  it('appears when it is complete, not before', async () => {
    const folder = join(root, 'part');
    await complete(folder, (begun) => {
      writeFileSync(join(begun, 'half'), '1');
      expect(existsSync(folder)).toBe(false);
    });
    expect(readdirSync(folder)).toEqual(['half']);
    expect(readdirSync(root)).toEqual(['part']);
  });

  it('does not appear when its making fails, and leaves nothing', async () => {
    await expect(complete(join(root, 'part'), () => Promise.reject(new Error('no space')))).rejects.toThrow('no space');
    expect(readdirSync(root)).toEqual([]);
  });

  it('takes away what a killed build of the same part left', async () => {
    for (const name of ['part.new-Xy12', 'other.new-Xy12']) mkdirSync(join(root, name));
    await complete(join(root, 'part'), () => undefined);
    expect(readdirSync(root).sort()).toEqual(['other.new-Xy12', 'part']);
  });
});

/** A process that takes the lock and keeps it, once it has said so. */
async function holder() {
  const module = pathToFileURL(join(import.meta.dirname, '../../scripts/fixtures/cluster-cache.mjs')).href;
  const program = `import { withBuildLock } from '${module}';
    await withBuildLock(process.argv[1], () => new Promise((done) => { console.log('held'); process.stdin.on('data', done); }));
    process.exit(0);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, root], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

describe('the lock of the cache', () => {
  it('lets a second builder wait until the first is done, and tells it', async () => {
    const first = await holder();
    const told: string[] = [];
    let worked = false;
    const second = withBuildLock(
      root,
      () => {
        worked = true;
        return 'done';
      },
      (sentence) => told.push(sentence),
    );
    await sleep(300);
    expect(worked).toBe(false);
    expect(told).toEqual(['Another process is building the cluster fixture; waiting for it.']);
    first.stdin.write('end');
    expect(await second).toBe('done');
  });

  it('passes on when its owner is killed', async () => {
    const first = await holder();
    const second = withBuildLock(
      root,
      () => 'done',
      () => undefined,
    );
    await sleep(100);
    first.kill('SIGKILL');
    expect(await second).toBe('done');
  });

  it('is free again after work that failed', async () => {
    await expect(withBuildLock(root, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await withBuildLock(root, () => 'done')).toBe('done');
  });
});

describe('the parts of the fixture', () => {
  it('are named in a sentence when they are missing', () => {
    const found = clusterFixtures(['kube', 'etcd']);
    expect(found).toMatchObject({ ready: false, missing: ['kube', 'etcd'] });
    expect(!found.ready && found.sentence).toMatch(/^The cluster fixture (lacks kube, etcd: node scripts|is built with Go)/);
  });

  it('are pinned by sums and ask for no newer Go than the sentence says', () => {
    for (const part of GO_PART_NAMES) {
      const module = join(import.meta.dirname, '..', 'cluster', part);
      expect(readFileSync(join(module, 'go.mod'), 'utf8')).toMatch(/^go 1\.26\.[0-6]$/m);
      expect(existsSync(join(module, 'go.sum'))).toBe(true);
    }
  });
});
