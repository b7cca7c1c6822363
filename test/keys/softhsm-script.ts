// Straight calls on SoftHSM, as a process: `flags` of the first token, `login`, and `key` with attributes that its tool cannot set.

import koffi from 'koffi';
import { attributes, classSecretKey, keyTypeAes, userNormal } from '../../src/keys/pkcs11/cryptoki.ts';
import { arrayOf, loadModule, numberCell, type Struct, structOf } from '../../src/keys/pkcs11/module.ts';
import { openSession } from '../../src/keys/pkcs11/token.ts';

const [path = '', pin = '', verb, label = '', id = '', bytes = '', encrypt, decrypt] = process.argv.slice(2);
const module = await loadModule(path);
const { token, handle } = await openSession(module, { lib: path, tokenLabel: 'casemate' });

function must(answer: number): void {
  if (answer !== 0) throw new Error(`the module answered 0x${answer.toString(16)}`);
}

async function logIn(session: bigint): Promise<void> {
  must(await module.call('login', session, userNormal, Buffer.from(pin), Buffer.byteLength(pin)));
}

const attribute = (type: number, value: Buffer): Struct => structOf(type, value, value.length);
const truth = (value: boolean): Buffer => Buffer.from([value ? 1 : 0]);
const [isToken, isPrivate, value] = [1, 2, 0x11];

async function makeKey(): Promise<void> {
  const session = numberCell();
  must(await module.call('openSession', token.slot, 6, null, null, session));
  await logIn(session.readBigUInt64LE());
  const template = arrayOf([
    attribute(attributes.class, numberCell(BigInt(classSecretKey))),
    attribute(attributes.keyType, numberCell(BigInt(keyTypeAes))),
    attribute(isToken, truth(true)),
    attribute(isPrivate, truth(true)),
    attribute(attributes.label, Buffer.from(label)),
    attribute(attributes.id, Buffer.from(id, 'hex')),
    attribute(value, Buffer.from(bytes, 'hex')),
    attribute(attributes.encrypt, truth(encrypt === 'true')),
    attribute(attributes.decrypt, truth(decrypt === 'true')),
  ]);
  const create = koffi.load(path, { deep: true }).func('C_CreateObject', 'ulong', ['ulong', 'void *', 'ulong', 'void *']);
  must(Number(create(session.readBigUInt64LE(), template.bytes, 9, numberCell())));
  // Until here, since the template points to them.
  if (template.kept.length !== 9) throw new Error('the template is not whole');
}

if (verb === 'flags') process.stdout.write(String(token.flags));
if (verb === 'login') await logIn(handle);
if (verb === 'key') await makeKey();
process.exit(0);
