// The numbers of PKCS#11 (OASIS, version 2.40) that are used here, the names of its answers, and what each answer means for a caller.

import { Fault, type FaultCode } from '../../base/fault.ts';

export const classSecretKey = 4;
export const keyTypeAes = 0x1f;
export const userNormal = 1;
/** Read-only, and the serial flag that the standard asks for. */
export const sessionFlags = 4;
/** The module may use the locks of the operating system. */
export const osLocking = 2;

export const mechanisms = { aesGcm: 0x1087, aesEcb: 0x1081 } as const;

export const attributes = {
  class: 0x0,
  label: 0x3,
  checkValue: 0x90,
  keyType: 0x100,
  id: 0x102,
  encrypt: 0x104,
  decrypt: 0x105,
} as const;

export const tokenFlags = { initialized: 0x400, pinFinalTry: 0x20000, pinLocked: 0x40000 } as const;

/** By name, in the order of the standard. */
export const answers = {
  OK: 0x0,
  HOST_MEMORY: 0x2,
  SLOT_ID_INVALID: 0x3,
  GENERAL_ERROR: 0x5,
  FUNCTION_FAILED: 0x6,
  ARGUMENTS_BAD: 0x7,
  CANT_LOCK: 0xa,
  ATTRIBUTE_SENSITIVE: 0x11,
  ATTRIBUTE_TYPE_INVALID: 0x12,
  DATA_INVALID: 0x20,
  DATA_LEN_RANGE: 0x21,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  FUNCTION_NOT_SUPPORTED: 0x54,
  KEY_HANDLE_INVALID: 0x60,
  KEY_SIZE_RANGE: 0x62,
  KEY_TYPE_INCONSISTENT: 0x63,
  KEY_FUNCTION_NOT_PERMITTED: 0x68,
  MECHANISM_INVALID: 0x70,
  MECHANISM_PARAM_INVALID: 0x71,
  OBJECT_HANDLE_INVALID: 0x82,
  OPERATION_ACTIVE: 0x90,
  PIN_INCORRECT: 0xa0,
  PIN_INVALID: 0xa1,
  PIN_LEN_RANGE: 0xa2,
  PIN_EXPIRED: 0xa3,
  PIN_LOCKED: 0xa4,
  SESSION_CLOSED: 0xb0,
  SESSION_COUNT: 0xb1,
  SESSION_HANDLE_INVALID: 0xb3,
  TOKEN_NOT_PRESENT: 0xe0,
  TOKEN_NOT_RECOGNIZED: 0xe1,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  USER_PIN_NOT_INITIALIZED: 0x102,
  BUFFER_TOO_SMALL: 0x150,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
} as const;

export type AnswerName = keyof typeof answers;

const names: ReadonlyMap<number, string> = new Map(Object.entries(answers).map(([name, value]) => [value, name]));

/** `CKR_PIN_LOCKED`; a vendor's own number as hex. */
export function nameOfAnswer(answer: number): string {
  const name = names.get(answer);
  return name === undefined ? `0x${answer.toString(16)}` : `CKR_${name}`;
}

const setOf = (...given: readonly AnswerName[]): ReadonlySet<number> => new Set(given.map((name) => answers[name]));

/** The session is of no use any more: another one, of a module that starts anew, may be. */
const losing = setOf(
  ...(['HOST_MEMORY', 'SLOT_ID_INVALID', 'GENERAL_ERROR', 'FUNCTION_FAILED', 'DEVICE_ERROR', 'DEVICE_MEMORY', 'DEVICE_REMOVED'] as const),
  ...(['KEY_HANDLE_INVALID', 'OBJECT_HANDLE_INVALID', 'OPERATION_ACTIVE', 'SESSION_CLOSED', 'SESSION_HANDLE_INVALID'] as const),
  ...(['TOKEN_NOT_PRESENT', 'TOKEN_NOT_RECOGNIZED', 'USER_NOT_LOGGED_IN', 'CRYPTOKI_NOT_INITIALIZED'] as const),
);

const forbidding = setOf(
  ...(['KEY_FUNCTION_NOT_PERMITTED', 'KEY_TYPE_INCONSISTENT', 'KEY_SIZE_RANGE'] as const),
  ...(['MECHANISM_INVALID', 'MECHANISM_PARAM_INVALID', 'FUNCTION_NOT_SUPPORTED'] as const),
);

export const ofDamagedData = setOf('ENCRYPTED_DATA_INVALID', 'ENCRYPTED_DATA_LEN_RANGE');
export const ofForbiddenKey = forbidding;
/** The token refuses the PIN itself; asking again with the same one would bring it nearer to locking itself. */
export const ofRefusedPin = setOf(
  ...(['PIN_INCORRECT', 'PIN_INVALID', 'PIN_LEN_RANGE', 'PIN_EXPIRED', 'PIN_LOCKED', 'USER_PIN_NOT_INITIALIZED'] as const),
);

/** `doing` completes "when it was asked to …". The field `lost` tells that the session is of no use any more. */
export function refusal(answer: number, doing: string): Fault {
  const code: FaultCode = forbidding.has(answer) ? 'permission-denied' : 'unavailable';
  const message = `the PKCS#11 module answered ${nameOfAnswer(answer)} when it was asked to ${doing}`;
  return new Fault(code, message, losing.has(answer) ? { fields: { lost: true } } : {});
}
