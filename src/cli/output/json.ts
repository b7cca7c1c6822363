// JSON as Go's MarshalIndent writes it: two blanks, the keys of objects sorted as texts, `<>&` escaped.

/** An object's keys are sorted, as Go's maps are; a Map keeps its order, as Go's structs do. Undefined members are left out. */
export function goJson(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return block('[', ']', indent, (inner) => value.map((item) => goJson(item, inner)));
  if (typeof value === 'string') return escaped(value);
  if (typeof value !== 'object' || JSON.isRawJSON(value)) return JSON.stringify(value);
  const members = membersOf(value);
  return block('{', '}', indent, (inner) => members.map(([name, member]) => `${escaped(name)}: ${goJson(member, inner)}`));
}

/** Members in the order that goJson writes them in. */
export function membersOf(value: object): readonly (readonly [string, unknown])[] {
  const members: [string, unknown][] = value instanceof Map ? [...value] : Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.filter(([, member]) => member !== undefined);
}

function block(open: string, close: string, indent: string, linesOf: (inner: string) => readonly string[]): string {
  const inner = `${indent}  `;
  const lines = linesOf(inner);
  return lines.length === 0 ? open + close : `${open}\n${lines.map((line) => inner + line).join(',\n')}\n${indent}${close}`;
}

/** Go (encoding/json, HTMLEscape). */
function escaped(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
