// The arrows of the tree: what may import what. They point down: programs, cli, subsystems and client, kernels, ground.

const GROUND = 'base|schema|crypto|storage';
const KERNELS = 'http|keys|api|client|journal|kube|cloud';
const SUBSYSTEMS = 'etcd|volumes|secrets|delivery|network';

/** One forbidden arrow. `comment` is what the reader of a failed check is told to do. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Test files look at whatever they test. */
const source = (path, except) => ({ path, pathNot: except === undefined ? '[.]test[.]ts$' : `[.]test[.]ts$|${except}` });

const wholeTree = [
  forbid('no-circles', 'Two files that need one another are one thing, or a third one is missing between them.', {}, { circular: true }),
  forbid('unresolved', 'The imported file or package is not there.', {}, { couldNotResolve: true }),
  forbid('ground-stands-alone', 'base, schema, crypto and storage import nothing above them.', source(`^src/(${GROUND})/`), {
    path: `^src/(?!(${GROUND})/)`,
  }),
  forbid('base-imports-nothing', 'base is beneath everything.', source('^src/base/'), { path: '^src/(?!base/)' }),
  forbid('schema-over-base', 'schema imports only base.', source('^src/schema/'), { path: '^src/(?!(schema|base)/)' }),
  forbid('crypto-over-base', 'crypto can be read alone: it imports only base.', source('^src/crypto/'), {
    path: '^src/(?!(crypto|base)/)',
  }),
  forbid('kernels-under-subsystems', 'Kernels import kernels and ground only.', source(`^src/(${KERNELS})/`), {
    path: `^src/(?!(${GROUND}|${KERNELS})/)`,
  }),
  forbid('api-is-data', 'Contracts are pure data: api imports only schema.', source('^src/api/'), { path: '^src/(?!(api|schema)/)' }),
  forbid('client-is-thin', 'client imports only api, schema, base and http.', source('^src/client/'), {
    path: '^src/(?!(client|api|schema|base|http)/)',
  }),
  forbid('subsystems-apart', 'Subsystems meet over the HTTP API or in programs/.', source(`^src/(${SUBSYSTEMS})/`), {
    path: `^src/(${SUBSYSTEMS})/`,
    pathNot: '^src/$1/',
  }),
  forbid('subsystems-under-cli', 'Subsystems import nothing of the command.', source(`^src/(${SUBSYSTEMS})/`), { path: '^src/cli/' }),
  forbid('cli-over-the-wire', 'The command speaks to servers over HTTP.', source('^src/cli/'), { path: `^src/(${SUBSYSTEMS})/` }),
  forbid('programs-on-top', 'Nobody imports programs/: it wires the parts.', source('^src/(?!programs/)'), { path: '^src/programs/' }),
];

const packages = [
  forbid('crypto-only-in-crypto', 'All cryptography is in src/crypto; use or extend what stands there.', source('^src/(?!crypto/)'), {
    path: '^(node:)?crypto$|node_modules/@noble/',
    dependencyTypesNot: ['type-only'],
  }),
  forbid(
    'processes-only-in-programs',
    'Only programs/ starts processes, and keys/pkcs11 the one that loads a module.',
    source('^src/(?!programs/|keys/pkcs11/process[.]ts$)'),
    { path: '^(node:)?child_process$' },
  ),
  forbid(
    'koffi-in-the-child',
    'A crash of foreign code must take nothing with it: only the process of its own loads koffi.',
    source('^src/(?!keys/pkcs11/module[.]ts$|programs/pkcs11-module[.]ts$)'),
    { path: 'node_modules/koffi/' },
  ),
  forbid(
    'kube-library-in-one-file',
    'Only src/kube/library.ts loads the Kubernetes library; kube/client.ts does the rest.',
    source('^src/(?!kube/library[.]ts$)'),
    {
      path: 'node_modules/@kubernetes/',
    },
  ),
  forbid('kube-library-when-needed', 'The Kubernetes library costs half a second and 85 MB: import() it.', source('^src/'), {
    path: 'node_modules/@kubernetes/',
    dynamic: false,
    dependencyTypesNot: ['type-only'],
  }),
  forbid('no-zod', 'The field words of schema/ describe data.', {}, { path: 'node_modules/zod/' }),
  forbid('locked-packages', 'src imports only what package.json names under dependencies.', source('^src/'), {
    dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-peer'],
  }),
];

const etcd = [
  forbid(
    'kms-without-the-server',
    'The KMS plugin is a process of its own on every control-plane node: nothing of the secrets server is in it.',
    { path: '^src/programs/kms[.]ts$' },
    { path: '^src/secrets/', reachable: true },
  ),
  forbid('plugin-stands-alone', 'The plugin knows keys and kernels, nothing of the manager.', source('^src/etcd/plugin/'), {
    path: '^src/etcd/(?!plugin/)',
  }),
  forbid('manager-without-plugin', 'The manager meets the plugin through kube-apiserver alone.', source('^src/etcd/(?!plugin/)'), {
    path: '^src/etcd/plugin/',
  }),
  forbid('no-grpc-library', 'The KMS plugin has a gRPC server of its own: src/etcd/plugin/grpc.', source('^src/'), {
    path: 'node_modules/@grpc/',
  }),
  forbid('ssh-in-nodes', 'Only src/etcd/nodes speaks SSH.', source('^src/(?!etcd/nodes/)'), { path: 'node_modules/ssh2/' }),
  forbid('ssh-when-needed', 'The SSH library costs a tenth of a second: import() it.', source('^src/'), {
    path: 'node_modules/ssh2/',
    dynamic: false,
    dependencyTypesNot: ['type-only'],
  }),
  forbid('sqlite-for-locks', 'SQLite is here for locks alone.', source('^src/(?!base/file-lock[.]ts$|storage/backends/lmdb/gate[.]ts$)'), {
    path: '^(node:)?sqlite$',
  }),
];

const secretsServer = [
  forbid(
    'engines-see-engine-ts',
    'An engine or auth method reaches, inside secrets, its own folder, core/engine.ts, and what all logins share: login-limits.ts, cidrs.ts.',
    source('^src/secrets/(engines|auth)/([^/]+)/'),
    { path: '^src/secrets/', pathNot: '^src/secrets/(core/(engine|login-limits)[.]ts$|identity/cidrs[.]ts$|$1/$2/)' },
  ),
  forbid('engines-without-keys', 'Engines get all they need from their host.', source('^src/secrets/(engines|auth)/'), {
    path: '^src/(keys|http|client)/',
  }),
  forbid('barrier-under-core', 'The barrier knows storage and crypto, nothing of the server.', source('^src/secrets/barrier/'), {
    path: '^src/secrets/(?!barrier/)',
  }),
  forbid('seal-under-core', 'The seal knows the barrier at most.', source('^src/secrets/seal/'), {
    path: '^src/secrets/(?!(seal|barrier)/)',
  }),
  forbid(
    'wire-sees-exchange',
    'wire translates HTTP to core/exchange.ts and back; core/answer.ts gives the text of a fault.',
    source('^src/secrets/wire/'),
    {
      path: '^src/secrets/',
      pathNot: '^src/secrets/(wire/|core/(exchange|engine|answer)[.]ts$)',
    },
  ),
];

export default {
  forbidden: [...wholeTree, ...packages, ...etcd, ...secretsServer],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    builtInModules: { add: ['node:sqlite'] },
  },
};
