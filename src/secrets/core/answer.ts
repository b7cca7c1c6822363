// Turns what a handler answered, or the fault it threw, into the reply that the wire renders.

import type { Fault } from '../../base/fault.ts';
import type { RouteSpec } from '../../schema/contract.ts';
import type { Answer, Operation } from './engine.ts';
import type { Envelope, Reply } from './exchange.ts';

export interface Facts {
  readonly requestId: string;
  readonly operation: Operation;
  readonly leaseId: string;
  readonly warnings: readonly string[];
}

const nothingThere: Reply = { kind: 'errors', status: 404, errors: [] };

/** 404 where nothing was found, 204 where nothing is to be said, the envelope otherwise. */
export function replyFor(answer: Answer | undefined, spec: RouteSpec, facts: Facts): Reply {
  const lists = facts.operation === 'list' || facts.operation === 'scan';
  const reads = facts.operation === 'read' || lists;
  if (answer === undefined) return reads ? nothingThere : { kind: 'empty', status: 204 };
  if (answer.raw !== undefined) return { kind: 'raw', ...answer.raw };
  if (spec.bare === true) return { kind: 'bare', status: answer.status ?? 200, data: answer.data ?? {} };
  const envelope = envelopeFor(answer, facts);
  if (lists && isEmptyList(envelope)) return nothingThere;
  if (says(answer, envelope)) return { kind: 'envelope', status: answer.status ?? 200, envelope, injected: spec.injected === true };
  return answer.status === undefined && reads ? nothingThere : { kind: 'empty', status: answer.status ?? 204 };
}

function says(answer: Answer, envelope: Envelope): boolean {
  if (answer.data !== undefined || answer.auth !== undefined || envelope.warnings !== null) return true;
  return answer.lease !== undefined || answer.renewed !== undefined || answer.wrapped !== undefined;
}

export function envelopeFor(answer: Answer, facts: Facts): Envelope {
  const warnings = answer.warnings === undefined ? facts.warnings : [...answer.warnings, ...facts.warnings];
  const lease = answer.lease ?? answer.renewed;
  return {
    request_id: facts.requestId,
    lease_id: facts.leaseId,
    renewable: lease?.renewable ?? false,
    lease_duration: lease?.ttl ?? answer.leaseDuration ?? 0,
    data: answer.data ?? null,
    wrap_info: null,
    warnings: warnings.length === 0 ? null : warnings,
    auth: answer.auth ?? null,
  };
}

/** The text that clients get for a fault: Go's multierror frame where Vault has it. */
export function faultText(fault: Fault): string {
  return fault.framed ? `1 error occurred:\n\t* ${fault.message}\n\n` : fault.message;
}

export function faultReply(fault: Fault): Reply {
  const errors = fault.message === '' ? [] : [faultText(fault)];
  return { kind: 'errors', status: fault.http, errors, ...(fault.data === undefined ? {} : { data: fault.data }) };
}

function isEmptyList(envelope: Envelope): boolean {
  const { data, warnings } = envelope;
  if (data === null) return warnings === null;
  const keys = data['keys'];
  return Array.isArray(keys) && keys.length === 0 && warnings === null && Object.keys(data).length === 1;
}
