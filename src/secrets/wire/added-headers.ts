// The headers that an operator adds to answers, laid out once per status.

/** By `default`, `2xx` or `404`. */
export type AddedHeaders = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Name, value, name, value for the answer's status; the narrower set overrides the wider one. */
export function headersByStatus(added: AddedHeaders | undefined): ((status: number) => readonly string[]) | undefined {
  if (added === undefined || Object.keys(added).length === 0) return undefined;
  const known = new Map<number, readonly string[]>();
  return (status) => {
    const before = known.get(status);
    if (before !== undefined) return before;
    const byName = new Map<string, readonly [string, string]>();
    for (const set of ['default', `${Math.floor(status / 100)}xx`, String(status)])
      for (const [name, value] of Object.entries(added[set] ?? {})) byName.set(name.toLowerCase(), [name, value]);
    const laidOut = [...byName.values()].filter(([, value]) => value !== '').flat();
    known.set(status, laidOut);
    return laidOut;
  };
}
