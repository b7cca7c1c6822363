// Looks into the JSON that a cloud answered, which may be anything.

export function memberAt(json: unknown, ...path: readonly string[]): unknown {
  let value = json;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** `undefined` for what is no text, or an empty one. */
export function textAt(json: unknown, ...path: readonly string[]): string | undefined {
  const value = memberAt(json, ...path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberAt(json: unknown, ...path: readonly string[]): number | undefined {
  const value = memberAt(json, ...path);
  return typeof value === 'number' ? value : undefined;
}

/** Standard base64; `undefined` for anything else. */
export function bytesAt(json: unknown, ...path: readonly string[]): Uint8Array | undefined {
  const text = textAt(json, ...path);
  return text !== undefined && isBase64(text) ? Buffer.from(text, 'base64') : undefined;
}

export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
