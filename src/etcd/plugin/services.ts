// The gRPC services of the plugin: KMS v2 and v1beta1 over one provider, each call bounded, counted and answered with a status.

import type { ServerUnaryCall, ServiceDefinition, sendUnaryData, status, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Fault, type FaultCode, faults } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { version as casemateVersion } from '../../base/version.ts';
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
  /** Milliseconds for a call whose caller sets no earlier deadline. */
  readonly longestCall: number;
  /** Calls of the two services that may be under way; more are turned away, so that a backend that hangs fills no memory. */
  readonly mostCalls: number;
}

export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

type Answer = (request: Buffer, signal: AbortSignal) => Buffer | Promise<Buffer>;

export function kmsServices(parts: ServiceParts): readonly GrpcService[] {
  const run = runner(parts);
  const { provider } = parts;
  return [
    serviceOf(version2, {
      Status: run('v2', 'status', (request) => {
        readStatusRequest(request);
        return writeStatusReply({ version: version2, ...provider.status() });
      }),
      Encrypt: run('v2', 'encrypt', async (request, signal) => {
        const { plaintext } = readEncryptRequest(request);
        refuseRequest(faultOfPlaintext(plaintext));
        const sealed = await provider.seal(plaintext, signal);
        const fault = faultOfParts(sealed);
        // Told here, where the operator finds the backend's name beside it, rather than by kube-apiserver.
        if (fault !== undefined) throw new Fault('too-large', `the key backend gave what KMS v2 cannot store: ${fault}`);
        return writeEncryptReply(sealed);
      }),
      Decrypt: run('v2', 'decrypt', async (request, signal) => {
        const { uid, ...sealed } = readDecryptRequest(request);
        refuseRequest(faultOfParts(sealed));
        return writeBytesReply(await provider.open(sealed, { api: 'v2', uid }, signal));
      }),
    }),
    serviceOf(version1, {
      Version: run('v1', 'version', (request) => {
        readV1Request(request);
        return writeVersionReply({ version: version1, runtimeName: 'casemate', runtimeVersion: casemateVersion });
      }),
      Encrypt: run('v1', 'encrypt', async (request, signal) => {
        const plaintext = readV1Request(request);
        refuseRequest(faultOfPlaintext(plaintext));
        return writeBytesReply(wrapV1(await provider.seal(plaintext, signal)));
      }),
      Decrypt: run('v1', 'decrypt', async (request, signal) => {
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
  ];
}

function faultOfPlaintext({ length }: Buffer): string | undefined {
  if (length === 0) return 'there is nothing to encrypt';
  return length > mostPlaintext ? `what shall be encrypted has ${length} bytes; ${mostPlaintext} are allowed` : undefined;
}

function faultOfCipher({ length }: Buffer): string | undefined {
  if (length === 0) return 'the ciphertext is empty';
  return length > mostV1Cipher ? `the ciphertext has ${length} bytes; ${mostV1Cipher} are allowed` : undefined;
}

type UnaryHandler = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => void;

function runner({ provider, metrics, log, longestCall, mostCalls }: ServiceParts) {
  let underWay = 0;
  return (api: CallLabels['api'], operation: string, answer: Answer): UnaryHandler => {
    const labels: CallLabels = { provider: provider.name, api, operation };
    const isFree = operation === 'status' || operation === 'version';
    const counted = metrics.calls(labels);
    return (call, reply) => {
      const begun = performance.now();
      const end = (outcome: string): void => counted(outcome, (performance.now() - begun) / 1_000);
      const fail = (thrown: unknown): void => {
        const { code, message } = toldFault(thrown, log, labels);
        end(code);
        reply({ code: statusOf(code), details: message });
      };
      if (!isFree && underWay >= mostCalls)
        return fail(new Fault('rate-limited', `${mostCalls} calls are under way, and no more are taken until some of them end`));
      const ended = new AbortController();
      const leave = (): void => {
        if (!isFree) underWay -= 1;
        clearTimeout(late);
        call.off('cancelled', abort);
      };
      // Answered here and now: a backend that does not look at its signal holds up nobody but itself.
      const abort = (): void => {
        const fault = new Fault('timeout', 'the call was given up before the key backend answered');
        ended.abort(fault);
        fail(fault);
        leave();
      };
      const late = setTimeout(abort, longestCall);
      call.once('cancelled', abort);
      if (!isFree) underWay += 1;
      void (async () => {
        try {
          const answered = await answer(call.request, ended.signal);
          if (ended.signal.aborted) return;
          leave();
          end('ok');
          reply(null, answered);
        } catch (thrown) {
          if (ended.signal.aborted) return;
          leave();
          fail(thrown);
        }
      })();
    };
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

function statusOf(code: FaultCode): status {
  return faults[code].grpc;
}

const asItIs = (bytes: Buffer): Buffer => bytes;

/** Messages pass as bytes: read in the handlers, so that what is malformed is answered as such, and counted. */
function serviceOf(packageName: string, handlers: Readonly<Record<string, UnaryHandler>>): GrpcService {
  const definition = Object.fromEntries(
    Object.keys(handlers).map((name) => [
      name,
      {
        path: `/${packageName}.KeyManagementService/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: asItIs,
        requestDeserialize: asItIs,
        responseSerialize: asItIs,
        responseDeserialize: asItIs,
      },
    ]),
  );
  return { definition, implementation: handlers as unknown as UntypedServiceImplementation };
}
