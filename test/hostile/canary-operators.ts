// Sound requests for the routes that operators look after the server with: rate limits, shares, logs, plugins.

import { type Call, type Known, marked } from './canary.ts';

const entitled = true;
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** A share of the right length, of nobody's. */
const share = base64(marked('share given').padEnd(33, '.').slice(0, 33));
const given = { key: share, nonce: 'of nobody' };

/** The same requests for the routes of one ceremony, which are spelled in two ways. */
function rekeying(name: string, path: string, bounds: Readonly<Record<string, number>>, fails: boolean): readonly Call[] {
  const status = fails ? { status: 400 } : {};
  return [
    { route: `sys-custody.${name}.read`, path: `${path}/init`, ...status },
    { route: `sys-custody.${name}.write`, path: `${path}/init`, body: bounds, ...status },
    { route: `sys-custody.${name}Update.write`, path: `${path}/update`, body: given, status: 400 },
    { route: `sys-custody.${name}Verify.read`, path: `${path}/verify`, status: 400 },
    { route: `sys-custody.${name}Verify.write`, path: `${path}/verify`, body: given, status: 400 },
    { route: `sys-custody.${name}Verify.delete`, path: `${path}/verify`, status: 400 },
    { route: `sys-custody.${name}.delete`, path: `${path}/init` },
  ];
}

function generating(name: string, path: string): readonly Call[] {
  return [
    { route: `sys-custody.${name}.read`, path: `${path}/attempt` },
    { route: `sys-custody.${name}.write`, path: `${path}/attempt`, body: { otp: marked('otp').padEnd(28, '.').slice(0, 28) } },
    { route: `sys-custody.${name}Update.write`, path: `${path}/update`, body: given, status: 400 },
    { route: `sys-custody.${name}.delete`, path: `${path}/attempt` },
    { route: `sys-custody.${name}.write`, path: `${path}/attempt`, body: { pgp_key: marked('pgp') }, status: 400 },
    { route: `sys-custody.${name}.write`, path: `${path}/attempt`, body: {}, entitled },
    { route: `sys-custody.${name}.delete`, path: `${path}/attempt` },
  ];
}

const bounds = { secret_shares: 3, secret_threshold: 2 };

const custody: readonly Call[] = [
  ...generating('generateRoot', 'sys/generate-root'),
  ...generating('rootToken', 'sys/generate-root-token'),
  ...rekeying('rekey', 'sys/rekey', bounds, false),
  ...rekeying('recovery', 'sys/rekey-recovery-key', bounds, true),
  ...rekeying('rotateRoot', 'sys/rotate/root', bounds, false),
  ...rekeying('rotateRecovery', 'sys/rotate/recovery', bounds, true),
  ...(
    [
      ['rekeyBackup', 'sys/rekey/backup'],
      ['recoveryBackup', 'sys/rekey/recovery-key-backup'],
      ['rotateRootBackup', 'sys/rotate/root/backup'],
      ['rotateRecoveryBackup', 'sys/rotate/recovery/backup'],
    ] as const
  ).flatMap(([name, path]): readonly Call[] => [
    { route: `sys-custody.${name}.read`, path, status: 400 },
    { route: `sys-custody.${name}.delete`, path },
  ]),
];

const operations: readonly Call[] = [
  { route: 'sys-quotas.config.write', path: 'sys/quotas/config', body: { enable_rate_limit_response_headers: true } },
  { route: 'sys-quotas.config.read', path: 'sys/quotas/config' },
  { route: 'sys-quotas.rateLimit.write', path: 'sys/quotas/rate-limit/all', body: { rate: 100_000 } },
  { route: 'sys-quotas.rateLimit.read', path: 'sys/quotas/rate-limit/all' },
  { route: 'sys-quotas.rateLimits.list', path: 'sys/quotas/rate-limit' },
  { route: 'sys-quotas.rateLimit.delete', path: 'sys/quotas/rate-limit/all' },
  {
    route: 'sys-password-policies.passwordPolicy.write',
    path: 'sys/policies/password/own',
    body: { policy: 'length = 20 rule "charset" { charset = "abcdef" }' },
  },
  { route: 'sys-password-policies.passwordPolicy.read', path: 'sys/policies/password/own' },
  { route: 'sys-password-policies.passwordPolicies.list', path: 'sys/policies/password' },
  { route: 'sys-password-policies.password.read', path: 'sys/policies/password/own/generate', entitled },
  { route: 'sys-password-policies.passwordPolicy.delete', path: 'sys/policies/password/own' },
  { route: 'sys-operations.loggers.read', path: 'sys/loggers' },
  { route: 'sys-operations.loggers.write', path: 'sys/loggers', body: { level: 'trace' } },
  { route: 'sys-operations.logger.write', path: 'sys/loggers/core', body: { level: 'debug' } },
  { route: 'sys-operations.logger.read', path: 'sys/loggers/core' },
  { route: 'sys-operations.logger.delete', path: 'sys/loggers/core' },
  { route: 'sys-operations.loggers.delete', path: 'sys/loggers' },
  { route: 'sys-operations.plugins.read', path: 'sys/plugins/catalog' },
  { route: 'sys-operations.pluginsOfType.list', path: 'sys/plugins/catalog/secret' },
  { route: 'sys-operations.plugin.read', path: 'sys/plugins/catalog/secret/kv' },
  { route: 'sys-operations.hostInfo.read', path: 'sys/host-info' },
  { route: 'sys-operations.inFlight.read', path: 'sys/in-flight-req' },
  { route: 'sys-operations.rotateConfig.write', path: 'sys/rotate/config', body: { interval: '240h' } },
  { route: 'sys-operations.rotateConfig.read', path: 'sys/rotate/config' },
];

export const operatorCalls = (_known: Known): readonly Call[] => [...custody, ...operations];
