// The gRPC services of the plugin: KMS v2 and v1beta1 over one provider, each call bounded, counted and answered with a status.

import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { version as casemateVersion } from '../../base/version.ts';
import type { UnaryCall, UnaryMethod } from './grpc/call.ts';
import { faultOfParts, mostPlaintext, mostV1Cipher, refuseRequest } from './limits.ts';
import type { CallLabels, PluginMetrics } from './metrics.ts';
import type { Provider } from './provider.ts';
import { unwrapV1, wrapV1 } from './v1-envelope.ts';
import {
  readDecryptRequest,
  readEncryptRequest,
  readStatusRequest,
  readV1Request,
  writeBytesReply,
  writeEncryptReply,
  writeStatusReply,
  writeVersionReply,
} from './wire/messages.ts';

/** Constant for ever: kube-apiserver takes a plugin that changes it for a broken one. */
const version2 = 'v2';
const version1 = 'v1beta1';

export interface ServiceParts {
  readonly provider: Provider;
  readonly metrics: PluginMetrics;
  readonly log: Log;
  /** Calls of the two services that may be under way; more are turned away, so that a backend that hangs fills no memory. */
  readonly mostCalls: number;
}

/** By the paths of gRPC. */
export function kmsMethods(parts: ServiceParts): ReadonlyMap<string, UnaryMethod> {
  const { atOnce, byKey } = runner(parts);
  const { provider } = parts;
  return new Map([
    ...serviceOf(version2, {
      Status: atOnce('v2', 'status', (request) => {
        readStatusRequest(request);
        return writeStatusReply({ version: version2, ...provider.status() });
      }),
      Encrypt: byKey('v2', 'encrypt', async (request, signal) => {
        const { plaintext } = readEncryptRequest(request);
        refuseRequest(faultOfPlaintext(plaintext));
        const sealed = await provider.seal(plaintext, signal);
        const fault = faultOfParts(sealed);
        // Told here, where the operator finds the backend's name beside it, rather than by kube-apiserver.
        if (fault !== undefined) throw new Fault('too-large', `the key backend gave what KMS v2 cannot store: ${fault}`);
        return writeEncryptReply(sealed);
      }),
      Decrypt: byKey('v2', 'decrypt', async (request, signal) => {
        const sealed = readDecryptRequest(request);
        refuseRequest(faultOfParts(sealed));
        return writeBytesReply(await provider.open(sealed, { api: 'v2', uid: sealed.uid }, signal));
      }),
    }),
    ...serviceOf(version1, {
      Version: atOnce('v1', 'version', (request) => {
        readV1Request(request);
        return writeVersionReply({ version: version1, runtimeName: 'casemate', runtimeVersion: casemateVersion });
      }),
      Encrypt: byKey('v1', 'encrypt', async (request, signal) => {
        const plaintext = readV1Request(request);
        refuseRequest(faultOfPlaintext(plaintext));
        return writeBytesReply(wrapV1(await provider.seal(plaintext, signal)));
      }),
      Decrypt: byKey('v1', 'decrypt', async (request, signal) => {
        const cipher = readV1Request(request);
        refuseRequest(faultOfCipher(cipher));
        const opened = unwrapV1(cipher);
        const call = { api: 'v1', uid: '' } as const;
        // What the backend's own plugin wrote before this one took its place has no header of ours.
        return writeBytesReply(
          await (opened === undefined ? provider.openBare(cipher, call, signal) : provider.open(opened, call, signal)),
        );
      }),
    }),
  ]);
}

function faultOfPlaintext({ length }: Buffer): string | undefined {
  if (length === 0) return 'there is nothing to encrypt';
  return length > mostPlaintext ? `what shall be encrypted has ${length} bytes; ${mostPlaintext} are allowed` : undefined;
}

function faultOfCipher({ length }: Buffer): string | undefined {
  if (length === 0) return 'the ciphertext is empty';
  return length > mostV1Cipher ? `the ciphertext has ${length} bytes; ${mostV1Cipher} are allowed` : undefined;
}

function runner({ provider, metrics, log, mostCalls }: ServiceParts) {
  let underWay = 0;
  const named = (api: CallLabels['api'], operation: string) => {
    const labels: CallLabels = { provider: provider.name, api, operation };
    const counted = metrics.calls(labels);
    const end = (outcome: string, begun: number): void => counted(outcome, (performance.now() - begun) / 1_000);
    return {
      succeed(call: UnaryCall, begun: number, reply: Buffer): void {
        end('ok', begun);
        call.answer(reply);
      },
      fail(call: UnaryCall, begun: number, thrown: unknown): void {
        const fault = toldFault(thrown, log, labels);
        end(fault.code, begun);
        call.refuse(fault);
      },
    };
  };
  return {
    /** For what is answered from memory, also when more calls are under way than are taken. */
    atOnce(api: CallLabels['api'], operation: string, answer: (request: Buffer) => Buffer): UnaryMethod {
      const { succeed, fail } = named(api, operation);
      return (call) => {
        const begun = performance.now();
        try {
          succeed(call, begun, answer(call.request));
        } catch (thrown) {
          fail(call, begun, thrown);
        }
      };
    },
    byKey(api: CallLabels['api'], operation: string, answer: (request: Buffer, signal: AbortSignal) => Promise<Buffer>): UnaryMethod {
      const { succeed, fail } = named(api, operation);
      return (call) => {
        const begun = performance.now();
        if (underWay >= mostCalls) {
          const words = `${mostCalls} calls are under way, and no more are taken until some of them end`;
          return fail(call, begun, new Fault('rate-limited', words));
        }
        const given = new AbortController();
        let isOver = false;
        const leave = (): boolean => {
          if (isOver) return false;
          isOver = true;
          underWay -= 1;
          return true;
        };
        // Answered here and now: a backend that does not look at its signal holds up nobody but itself.
        call.givenUp = () => {
          if (!leave()) return;
          const fault = new Fault('timeout', 'the call was given up before the key backend answered');
          given.abort(fault);
          fail(call, begun, fault);
        };
        underWay += 1;
        answer(call.request, given.signal).then(
          (reply) => leave() && succeed(call, begun, reply),
          (thrown: unknown) => leave() && fail(call, begun, thrown),
        );
      };
    },
  };
}

/** Messages of Faults hold no secret; those of other errors may, so neither kube-apiserver nor the log gets to see them. */
function toldFault(thrown: unknown, log: Log, { provider, api, operation }: CallLabels): Fault {
  if (thrown instanceof Fault) {
    log.warn('a call failed', { provider, api, operation, code: thrown.code, reason: thrown.message });
    return thrown;
  }
  const { name, stack = '' } = thrown instanceof Error ? thrown : new Error();
  const at = stack.split('\n').find((line) => line.startsWith('    at ')) ?? '';
  log.error('a call failed by a fault of the program', { provider, api, operation, name, at: at.trim() });
  return new Fault('internal', 'internal error; the log of the plugin tells where');
}

/** Messages pass as bytes: read in the handlers, so that what is malformed is answered as such, and counted. */
function serviceOf(packageName: string, methods: Readonly<Record<string, UnaryMethod>>): [path: string, method: UnaryMethod][] {
  return Object.entries(methods).map(([name, method]) => [`/${packageName}.KeyManagementService/${name}`, method]);
}
