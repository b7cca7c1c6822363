// An ESLint rule: a key handed to Node's crypto is a KeyObject made once, never raw bytes (which cost several times as much per call).

/** Where the key stands among the arguments of each function of node:crypto. */
const KEY_POSITION = new Map([
  ['createCipheriv', 1],
  ['createDecipheriv', 1],
  ['createHmac', 1],
  ['hkdf', 1],
  ['hkdfSync', 1],
  ['sign', 2],
  ['verify', 2],
  ['privateDecrypt', 0],
  ['privateEncrypt', 0],
  ['publicDecrypt', 0],
  ['publicEncrypt', 0],
]);

// The numbers of ts.SymbolFlags, which are part of TypeScript's public interface.
const FUNCTION = 16;
const ALIAS = 2_097_152;

const isCryptoDeclaration = (declaration) => /[\\/]@types[\\/]node[\\/]crypto\.d\.ts$/.test(declaration.getSourceFile().fileName);

/** The name of the function of node:crypto that is called, however it was imported; undefined for any other call. */
function cryptoFunction(services, checker, callee) {
  let symbol = services.getSymbolAtLocation(callee.type === 'MemberExpression' ? callee.property : callee);
  if (symbol !== undefined && symbol.flags & ALIAS) symbol = checker.getAliasedSymbol(symbol);
  // A method of the same name (Verify.verify, Sign.sign) takes its key elsewhere and is not the function.
  if (symbol === undefined || !(symbol.flags & FUNCTION)) return undefined;
  return (symbol.declarations ?? []).some(isCryptoDeclaration) ? symbol.name : undefined;
}

/** True when every type that the argument can have is KeyObject, alone or as the `key` of options ({ key, padding }). */
function isKeyObject(checker, type) {
  const parts = type.isUnion() ? type.types : [type];
  return parts.every((part) => {
    if (part.getSymbol()?.name === 'KeyObject') return true;
    const member = part.getProperty('key');
    return member !== undefined && checker.getTypeOfSymbol(member).getSymbol()?.name === 'KeyObject';
  });
}

export const keysAsKeyObjects = {
  meta: {
    type: 'problem',
    docs: { description: 'keys handed to node:crypto are KeyObjects' },
    messages: {
      raw: 'The key of {{ name }} is not a KeyObject. Make one with createSecretKey when the key is made, and keep that instead of the bytes.',
    },
    schema: [],
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    if (!services?.program) throw new Error('keys-as-key-objects needs type information: set parserOptions.projectService.');
    const checker = services.program.getTypeChecker();
    return {
      CallExpression(node) {
        const name = cryptoFunction(services, checker, node.callee);
        const key = name === undefined ? undefined : node.arguments[KEY_POSITION.get(name) ?? -1];
        if (key === undefined) return;
        if (!isKeyObject(checker, services.getTypeAtLocation(key))) context.report({ node: key, messageId: 'raw', data: { name } });
      },
    };
  },
};
