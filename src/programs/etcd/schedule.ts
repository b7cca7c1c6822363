// `casemate etcd rotate-key -every=…`: the CronJob that does it.

import { stringify } from 'yaml';
import { Ending } from '../../cli/ending.ts';

export interface ScheduleFlags {
  /** Seconds. */
  readonly every: number | undefined;
  readonly image: string | undefined;
  readonly provider?: string | undefined;
}

const day = 86_400;

/** Cron knows no period that is not part of a calendar: the nearest one that is at most as long. Throws Ending for what is too short. */
export function cronOf(seconds: number): string {
  if (seconds < 3_600) throw new Ending('a rotation takes minutes and writes everything anew: an hour is the shortest period');
  const hours = Math.floor(seconds / 3_600);
  if (hours < 24) return `17 */${hours} * * *`;
  const days = Math.floor(seconds / day);
  if (days < 7) return `17 3 */${days} * *`;
  if (days < 28) return days < 14 ? '17 3 * * 0' : '17 3 1,15 * *';
  const months = Math.min(12, Math.max(1, Math.floor(days / 30)));
  return months === 1 ? '17 3 1 * *' : `17 3 1 */${months} *`;
}

/** On a control-plane node, with what an administrator has there: a rotation needs the nodes' files and etcd, so no less would do. */
export function printSchedule({ every, image, provider }: ScheduleFlags): number {
  const words = ['etcd', 'rotate-key', '-yes', '-format=json', '-config=/etc/casemate/casemate-etcd.yaml'];
  const folders = { config: '/etc/casemate', state: '/var/lib/casemate', kubernetes: '/etc/kubernetes' };
  const container = {
    name: 'rotate-key',
    image,
    imagePullPolicy: 'IfNotPresent',
    args: provider === undefined ? words : [...words, `-provider=${provider}`],
    env: [{ name: 'KUBECONFIG', value: '/etc/kubernetes/admin.conf' }],
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', 'FOWNER', 'CHOWN'] },
    },
    volumeMounts: Object.entries(folders).map(([name, mountPath]) => ({ name, mountPath })),
  };
  const pod = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    hostNetwork: true,
    nodeSelector: { 'node-role.kubernetes.io/control-plane': '' },
    tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    containers: [container],
    volumes: Object.entries(folders).map(([name, path]) => ({
      name,
      hostPath: { path, type: name === 'state' ? 'DirectoryOrCreate' : 'Directory' },
    })),
  };
  const job = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'casemate-etcd-rotate-key', namespace: 'kube-system' },
    spec: {
      schedule: cronOf(every ?? 0),
      concurrencyPolicy: 'Forbid',
      failedJobsHistoryLimit: 3,
      // A rotation that stopped is looked at by somebody: the next one would be refused while it is under way.
      jobTemplate: { spec: { backoffLimit: 0, template: { spec: pod } } },
    },
  };
  process.stdout.write(stringify(job, { lineWidth: 0 }));
  return 0;
}
