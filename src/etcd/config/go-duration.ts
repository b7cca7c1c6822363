// Durations of an EncryptionConfiguration: what Go's time.ParseDuration takes, and nothing that a friendlier reader would.

import { parseDurationMilliseconds } from '../../base/durations.ts';
import { Fault } from '../../base/fault.ts';

/** Milliseconds, with what is below them as a fraction; undefined for a text that kube-apiserver does not take: `3`, `2d`, nothing. */
export function goDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  // These are more than Go takes: empty, plain digits for seconds, days.
  if (text === '' || /^[+-]?\d+d?$/.test(text)) return undefined;
  try {
    return parseDurationMilliseconds(text);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
