// A PKCS#11 module loaded into this process: its functions as promises, and C's structures in plain bytes. Only the module's own process imports it.

import koffi from 'koffi';
import { Fault } from '../../base/fault.ts';
import { answers, osLocking } from './cryptoki.ts';

/** `n`: CK_ULONG; `p`: a pointer; `b`: CK_BBOOL. The number is the place in CK_FUNCTION_LIST, which is the same in all versions 2 and 3. */
const functions = {
  initialize: [0, 'p'],
  finalize: [1, 'p'],
  getSlotList: [4, 'bpp'],
  getTokenInfo: [6, 'np'],
  openSession: [12, 'nnppp'],
  closeAllSessions: [14, 'n'],
  login: [18, 'nnpn'],
  logout: [19, 'n'],
  getAttributeValue: [24, 'nnpn'],
  findObjectsInit: [26, 'npn'],
  findObjects: [27, 'npnp'],
  findObjectsFinal: [28, 'n'],
  encryptInit: [29, 'npn'],
  encrypt: [30, 'npnpp'],
  decryptInit: [33, 'npn'],
  decrypt: [34, 'npnpp'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

const functionCount = 68;
const types = { n: 'ulong', p: 'void *', b: 'uint8_t' } as const;

export type FunctionName = keyof typeof functions;

/** On Linux every member of the structures used here is a word of eight bytes, so that nothing is ever padded. */
export interface Struct {
  readonly bytes: Buffer;
  /** What the words point to: must live as long as the bytes are read. */
  readonly kept: readonly Struct[];
}

export type Argument = number | bigint | Buffer | Struct | null;

const wordBytes = 8;

/** A number stands for itself, bytes for a pointer to them; `null` and empty bytes for a pointer to nothing. */
export function structOf(...words: readonly Argument[]): Struct {
  const bytes = Buffer.alloc(words.length * wordBytes);
  const kept: Struct[] = [];
  for (const [index, word] of words.entries()) {
    if (word === null) continue;
    const pointed = typeof word === 'object' ? asStruct(word) : undefined;
    if (pointed !== undefined) kept.push(pointed);
    bytes.writeBigUInt64LE(pointed === undefined ? BigInt(word as number | bigint) : addressOf(pointed.bytes), index * wordBytes);
  }
  return { bytes, kept };
}

/** One after the other, as C's arrays lie. */
export function arrayOf(structs: readonly Struct[]): Struct {
  return { bytes: Buffer.concat(structs.map(({ bytes }) => bytes)), kept: structs.flatMap(({ kept }) => kept) };
}

function asStruct(given: Buffer | Struct): Struct {
  return Buffer.isBuffer(given) ? { bytes: given, kept: [] } : given;
}

function addressOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(koffi.address(bytes));
}

/** A CK_ULONG that a function writes. */
export function numberCell(value = 0n): Buffer {
  const cell = Buffer.alloc(wordBytes);
  cell.writeBigUInt64LE(value);
  return cell;
}

export interface Module {
  /** What the function returned. Calls run beside the event loop; the next one must wait for the one before. */
  call(name: FunctionName, ...args: readonly Argument[]): Promise<number>;
}

/** What all calls after the login need. */
export interface Session {
  readonly module: Module;
  readonly handle: bigint;
}

/** Loads and initialises. Throws Fault `usage` for what is no PKCS#11 module, `unavailable` for one that does not want to begin. */
export async function loadModule(path: string): Promise<Module> {
  const table = functionTable(path);
  const ready = new Map<FunctionName, Caller>();
  const module: Module = {
    call(name, ...args) {
      const made = ready.get(name) ?? callerOf(table, name);
      ready.set(name, made);
      return made(args);
    },
  };
  const locking = await module.call('initialize', structOf(null, null, null, null, osLocking, null));
  // Only one call is ever under way, so that a module which cannot lock needs no locks.
  const answer = locking === answers.CANT_LOCK || locking === answers.ARGUMENTS_BAD ? await module.call('initialize', null) : locking;
  if (answer !== answers.OK)
    throw new Fault('unavailable', `the PKCS#11 module ${path} does not begin: it answered 0x${answer.toString(16)} to C_Initialize`);
  return module;
}

const longestSaid = 300;

function functionTable(path: string): Buffer {
  const cell = numberCell();
  try {
    // Deep: a module shall find its own OpenSSL, not the one inside this program.
    const library = koffi.load(path, { deep: true });
    const answer = Number(library.func('C_GetFunctionList', 'ulong', ['void *'])(cell));
    if (answer !== answers.OK) throw new Error(`C_GetFunctionList answered 0x${answer.toString(16)}`);
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message.slice(0, longestSaid) : 'unknown reason';
    throw new Fault('usage', `${path} is no PKCS#11 module that can be loaded here (${said}): name the vendor's library with lib`);
  }
  const list = cell.readBigUInt64LE();
  // Two bytes of version, padded to a word; the functions follow.
  return Buffer.from(koffi.view(list, (1 + functionCount) * wordBytes).slice(0));
}

type Caller = (args: readonly Argument[]) => Promise<number>;

/** Bytes that a call under way reads or writes, held against the garbage collector. */
const held = new Set<readonly Argument[]>();

/** Keeps bytes through several calls: a module may read what it was given with the first one until the last. */
export async function holding<T>(struct: Struct, work: () => Promise<T>): Promise<T> {
  const one = [struct];
  held.add(one);
  try {
    return await work();
  } finally {
    held.delete(one);
  }
}

function callerOf(table: Buffer, name: FunctionName): Caller {
  const [place, form] = functions[name];
  const pointer = table.readBigUInt64LE((1 + place) * wordBytes);
  const prototype = koffi.proto(
    'ulong',
    [...form].map((letter) => types[letter as keyof typeof types]),
  );
  const found = koffi.decode(pointer, prototype) as { async(...args: unknown[]): void };
  return (args) => {
    held.add(args);
    const given = args.map((one) => (one !== null && typeof one === 'object' && !Buffer.isBuffer(one) ? one.bytes : one));
    return new Promise<number>((resolve, reject) => {
      found.async(...given, (error: unknown, answer: number | bigint) => {
        held.delete(args);
        if (error === null || error === undefined) resolve(Number(answer));
        else reject(error);
      });
    });
  };
}
