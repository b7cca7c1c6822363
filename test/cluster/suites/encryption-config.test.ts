// The corpus of encryption configurations, given one by one to a real kube-apiserver: what it refuses is what the validator refuses.

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptEncryptionConfig } from '../../../src/etcd/config/accept.ts';
import { readEncryptionConfig } from '../../../src/etcd/config/read-config.ts';
import { renderEncryptionConfig } from '../../../src/etcd/config/render.ts';
import { type EncryptionConfigCase, encryptionConfigCases } from '../../vectors/encryption-config/corpus.ts';
import { type Guardian, startGuardian } from '../fixture/guardian.ts';
import { freePorts } from '../fixture/ports.ts';
import { clusterPrograms } from '../fixture/programs.ts';
import { hostRunner, type Runner } from '../fixture/runner.ts';

/**
 * A kube-apiserver reads its encryption configuration, and next the authority of its clients: without that file it ends, and its last
 * words tell how far it came. So it needs no etcd, and takes a third of a second.
 */
const missing = 'missing-authority.crt';
const atOnce = 4;

let guardian: Guardian;
let runner: Runner;
/** One for each that runs at the same time: it listens before it reads. */
let ports: readonly number[] = [];

beforeAll(async () => {
  guardian = await startGuardian();
  runner = hostRunner(guardian.folder);
  ports = await freePorts(atOnce);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  mkdirSync(join(runner.folder, 'certificates'));
  writeFileSync(join(runner.folder, 'accounts.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(runner.folder, 'accounts.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  // The first one makes the certificate of its own that all others use.
  await judge({ name: 'first', path: written('first', 'kind: Nonsense\n'), automaticReload: true, kmsV1Enabled: true }, ports[0]);
}, 60_000);

afterAll(async () => {
  await guardian?.end();
});

function written(name: string, text: string): string {
  const path = join(runner.folder, `${name.replaceAll('/', '-')}.config`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

type Question = Pick<EncryptionConfigCase, 'name' | 'path' | 'automaticReload' | 'kmsV1Enabled'>;

interface Judgement {
  readonly name: string;
  /** `unclear` when it ended for a reason of its own. */
  readonly verdict: 'accepted' | 'refused' | 'unclear';
  readonly said: string;
}

async function judge({ name, path, automaticReload, kmsV1Enabled }: Question, port = 0): Promise<Judgement> {
  const at = (file: string): string => join(runner.folder, file);
  const server = runner.spawn(`judge-${name.replaceAll('/', '-')}`, join(clusterPrograms().kube, 'kube-apiserver'), [
    '--etcd-servers=http://127.0.0.1:1',
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    `--cert-dir=${at('certificates')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${at('accounts.pub')}`,
    `--service-account-signing-key-file=${at('accounts.key')}`,
    `--client-ca-file=${at(missing)}`,
    `--encryption-provider-config=${path}`,
    `--encryption-provider-config-automatic-reload=${automaticReload}`,
    `--feature-gates=KMSv1=${kmsV1Enabled}`,
  ]);
  await server.ended;
  const said = server.logs().split('"command failed"').at(-1) ?? '';
  const refused = said.includes('error while parsing file') || said.includes('error while building transformers');
  return { name, said, verdict: refused ? 'refused' : said.includes(missing) ? 'accepted' : 'unclear' };
}

async function judgeAll(questions: readonly Question[]): Promise<readonly Judgement[]> {
  const judged: Judgement[] = [];
  const waiting = [...questions];
  const work = async (port: number): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) judged.push(await judge(next, port));
  };
  await Promise.all(ports.map(work));
  return judged;
}

function expectedOf({ text, name, automaticReload, kmsV1Enabled }: EncryptionConfigCase): Judgement['verdict'] {
  try {
    acceptEncryptionConfig(text, { path: name, automaticReload, kmsV1Enabled });
    return 'accepted';
  } catch {
    return 'refused';
  }
}

test('a kube-apiserver accepts and refuses what the validator accepts and refuses', async () => {
  const cases = encryptionConfigCases();
  const found = new Map((await judgeAll(cases)).map((judgement) => [judgement.name, judgement]));
  const different = cases.flatMap((each) => {
    const { verdict, said } = found.get(each.name) as Judgement;
    const folder = each.valid ? 'accepted' : 'refused';
    return verdict === folder && verdict === expectedOf(each) ? [] : [{ name: each.name, verdict, validator: expectedOf(each), said }];
  });
  expect(different).toEqual([]);
  expect(found.size).toBe(cases.length);
}, 600_000);

test('a kube-apiserver accepts what is written of each configuration that it accepts', async () => {
  const questions = encryptionConfigCases()
    .filter(({ valid }) => valid)
    .map((each) => {
      const { config } = readEncryptionConfig(each.text, { path: each.name });
      const name = `written/${each.name}`;
      return { ...each, name, path: written(name, renderEncryptionConfig(config, { comments: ['epoch 7'] })) };
    });
  expect((await judgeAll(questions)).filter(({ verdict }) => verdict !== 'accepted')).toEqual([]);
}, 600_000);
