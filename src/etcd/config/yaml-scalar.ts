// What an unquoted word of YAML stands for to kube-apiserver, which reads YAML 1.1: `yes` is true there, and `010` is eight.

export type ScalarValue = string | number | boolean | null;

const words = new Map<string, ScalarValue>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, null] => [word, null]),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word): [string, boolean] => [word, true]),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word): [string, boolean] => [word, false]),
  ...['.nan', '.NaN', '.NAN'].map((word): [string, number] => [word, Number.NaN]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, number] => [word, Number.POSITIVE_INFINITY]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, number] => [word, Number.NEGATIVE_INFINITY]),
]);

/** Digits of each base, and the signs before them (Go, strconv.ParseInt with base 0). */
const integers: readonly (readonly [RegExp, number])[] = [
  [/^[+-]?0[xX]([0-9a-fA-F]+)$/, 16],
  [/^[+-]?0[oO]?([0-7]+)$/, 8],
  [/^[+-]?0[bB]([01]+)$/, 2],
  [/^[+-]?([1-9][0-9]*|0)$/, 10],
];

const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/**
 * Dates stay text, as do numbers on base 60. Numbers beyond 2^53 lose digits: no field of a configuration takes such a one.
 * Source: go.yaml.in/yaml/v2, resolve.go.
 */
export function scalarOf(word: string): ScalarValue {
  const known = words.get(word);
  if (known !== undefined) return known;
  if (!/^[-+.0-9]/.test(word)) return word;
  const digits = word.startsWith('.') ? word : word.replaceAll('_', '');
  for (const [form, base] of integers) {
    const found = form.exec(digits)?.[1];
    if (found !== undefined) return Number.parseInt(found, base) * (digits.startsWith('-') ? -1 : 1);
  }
  return float.test(digits) ? Number(digits) : word;
}
