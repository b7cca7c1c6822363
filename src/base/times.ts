// Times as Go prints them: RFC 3339 in UTC, fractions without trailing zeros.

/** Millisecond precision, which is all that the clock has: `2018-08-15T21:58:00Z`, `…10.409Z`. */
export function rfc3339(milliseconds: number): string {
  const whole = Math.floor(milliseconds / 1000);
  if (whole !== lastSecond) {
    // Many times are told in the same second, and building the text of one is slow.
    lastText = new Date(whole * 1000).toISOString().slice(0, -5);
    lastSecond = whole;
  }
  const fraction = Math.floor(milliseconds) - whole * 1000;
  return fraction === 0 ? `${lastText}Z` : `${lastText}.${String(fraction).padStart(3, '0').replace(/0+$/, '')}Z`;
}

let lastSecond = Number.NaN;
let lastText = '';
