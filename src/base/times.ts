// Times as Go prints them: RFC 3339 in UTC, fractions without trailing zeros.

/** Millisecond precision, which is all that the clock has: `2018-08-15T21:58:00Z`, `…10.409Z`. */
export function rfc3339(milliseconds: number): string {
  const iso = new Date(milliseconds).toISOString();
  return iso.endsWith('.000Z') ? `${iso.slice(0, -5)}Z` : iso.replace(/0+Z$/, 'Z');
}
