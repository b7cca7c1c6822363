// Handlers of sys/audit, sys/audit-hash and sys/config/auditing.

import { sysAudit } from '../../api/sys-audit.ts';
import { Fault } from '../../base/fault.ts';
import type { AuditDevices } from '../audit/devices.ts';
import { engine, type OpenEngine } from '../core/engine.ts';

export function openAudit(devices: AuditDevices): OpenEngine {
  return engine<typeof sysAudit>({
    contract: sysAudit,
    handlers: {
      devices: {
        read: () => ({
          data: Object.fromEntries(
            devices
              .list()
              .map(({ path, type, description, options, local }) => [
                path,
                { description, local, options: shownOptions(options), path, type },
              ]),
          ),
        }),
      },
      device: {
        write: async ({ path, type, description, options, local }) => {
          if (type === undefined || type === '') throw new Fault('invalid-request', 'backend type must be specified as a string');
          await devices.enable({
            path: devicePath(path),
            type,
            description: description ?? '',
            options: options ?? {},
            local: local ?? false,
          });
          return undefined;
        },
        delete: async ({ path }) => {
          await devices.disable(devicePath(path));
          return undefined;
        },
      },
      hash: {
        write: ({ path, input }) => {
          if (input === undefined || input === '') throw new Fault('invalid-request', "the 'input' parameter is empty");
          return { data: { hash: devices.hash(devicePath(path), input) } };
        },
      },
      requestHeaders: {
        read: () => ({ data: { headers: Object.fromEntries(Object.entries(devices.headers()).map(([name, hmac]) => [name, { hmac }])) } }),
      },
      requestHeader: {
        read: ({ header = '' }) => {
          const hmac = devices.headers()[header];
          if (hmac === undefined) throw new Fault('invalid-request', 'Could not find header in config');
          return { data: { [header]: { hmac } } };
        },
        write: async ({ header = '', hmac }) => void (await devices.setHeader(header, hmac ?? false)),
        delete: async ({ header = '' }) => void (await devices.setHeader(header, undefined)),
      },
    },
  });
}

/** Of an http device the values of its headers and the query of its address may be secrets, where they are not named by env:// or file://. */
function shownOptions(options: Readonly<Record<string, string>>): Record<string, string> {
  const { headers, uri } = options;
  return {
    ...options,
    ...(uri === undefined ? {} : { uri: uri.replace(/\?.*$/s, '?…') }),
    ...(headers === undefined ? {} : { headers: namesAlone(headers) }),
  };
}

function namesAlone(headers: string): string {
  try {
    return JSON.stringify(Object.fromEntries(Object.keys(JSON.parse(headers) as object).map((name) => [name, '…'])));
  } catch {
    // A device with such headers cannot be opened; the text is still nobody's to read.
    return '…';
  }
}

function devicePath(path: string | undefined): string {
  return `${(path ?? '').replace(/^\/+|\/+$/g, '')}/`;
}
