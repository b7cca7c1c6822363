// JSON Merge Patch (RFC 7396), and the skeleton of an object: its keys without their values.

type Json = Readonly<Record<string, unknown>>;

/** null deletes a key, objects are merged, everything else replaces. */
export function mergePatch(target: unknown, patch: Json): Record<string, unknown> {
  const merged: Record<string, unknown> = isObject(target) ? copy(target) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else define(merged, name, isObject(value) ? mergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value) : value);
  }
  return merged;
}

/** Down to `depth` levels (0: all); what is deeper, or no object, becomes null. */
export function skeleton(value: Json, depth: number, level = 1): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value)) {
    const goesOn = isObject(child) && Object.keys(child).length > 0 && (depth === 0 || level < depth);
    define(shown, name, goesOn ? skeleton(child, depth, level + 1) : null);
  }
  return shown;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

function copy(object: Json): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) define(made, name, value);
  return made;
}

/** A key named `__proto__` is a key like any other. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}
