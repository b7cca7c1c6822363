// What there is to say about an EncryptionConfiguration: what kube-apiserver refuses, and what a careful operator would change.

export interface Finding {
  /** `error`: kube-apiserver does not start with it, and a running one does not load it. `warning`: it does, and somebody should know. */
  readonly severity: 'error' | 'warning';
  /** `resources[0].providers[1].aescbc.keys[0].secret`: fields as the file names them. */
  readonly path: string;
  /** A sentence: what is wrong, and what to do. Nothing secret. */
  readonly message: string;
}

export interface ValidationOptions {
  /** Whether kube-apiserver runs with `--encryption-provider-config-automatic-reload`: the names of kms v1 must be unique then. */
  readonly automaticReload: boolean;
  /** Of the oldest kube-apiserver: 37 of 1.37. Undefined: not known, which is no reason to refuse. */
  readonly kubernetesMinor?: number | undefined;
  /** Whether the feature gate KMSv1 is set; undefined: as that version has it when nobody sets it. */
  readonly kmsV1Enabled?: boolean | undefined;
}

export function refusal(path: string, message: string): Finding {
  return { severity: 'error', path, message };
}

export function warning(path: string, message: string): Finding {
  return { severity: 'warning', path, message };
}

/** `"secrets"`, for names that users have chosen: one line, and never longer than a name is. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > longestName ? `${name.slice(0, longestName)}…` : name);
}

/** Kubernetes' own names end at 253 characters (RFC 1123). */
const longestName = 253;
