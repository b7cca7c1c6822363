// Takes what was sent in secret out of what a server says about it: some refusals quote the value that they refuse.

/** Shorter texts are part of ordinary words, and no secret is. */
const shortest = 4;

/**
 * The texts of a request's body that may be secret: data of a Secret or ConfigMap, in base64 and in clear, a token to be
 * reviewed, and the values of a JSON patch.
 */
export function secretsIn(body: unknown): readonly string[] {
  const found = new Set<string>();
  const add = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) add(each);
    else if (typeof value === 'object' && value !== null && !isRaw(value)) for (const each of Object.values(value)) add(each);
    else addText(found, value);
  };
  if (Array.isArray(body)) for (const operation of body) add((operation as { readonly value?: unknown } | null)?.value);
  else if (typeof body === 'object' && body !== null) {
    const { data, stringData, binaryData, spec } = body as Readonly<Record<string, unknown>>;
    add([data, stringData, binaryData, (spec as { readonly token?: unknown } | undefined)?.token]);
  }
  // A secret that holds another one must go first, or its rest would be seen.
  return [...found].sort((left, right) => right.length - left.length);
}

const isRaw = (value: object): boolean => JSON.isRawJSON(value);

function addText(found: Set<string>, value: unknown): void {
  if (value === null || value === undefined) return;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  for (const each of [text, quoted(text), Buffer.from(text, 'base64').toString()]) if (each.length >= shortest) found.add(each);
}

/** As it stands within a quotation. */
const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);

/** The same text, or the same structure of texts, with each secret replaced. */
export function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  return cleaned(value, secrets) as T;
}

function cleaned(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return secrets.reduce((text, secret) => text.replaceAll(secret, '[hidden]'), value);
  if (Array.isArray(value)) return value.map((each) => cleaned(each, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cleaned(each, secrets)]));
}
