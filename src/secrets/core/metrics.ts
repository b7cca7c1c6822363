// Counters and summaries under the names that dashboards for Vault ask for, as Prometheus text and as JSON.

export interface Metrics {
  /** Adds one request to a summary, milliseconds. Labels are few and never taken from input. */
  observe(name: string, milliseconds: number, labels?: Labels): void;
  /** `observe` for one name and its labels, for those who call it with every request. */
  recorder(name: string, labels?: Labels): (milliseconds: number) => void;
  increment(name: string, labels?: Labels): void;
  /** Asked when the metrics are read. */
  gauge(name: string, read: () => number, labels?: Labels): void;
  prometheus(): string;
  json(): Record<string, unknown>;
}

export type Labels = Readonly<Record<string, string>>;

interface Summary {
  count: number;
  sum: number;
  max: number;
  /** The newest durations, overwritten in a circle. */
  readonly recent: Float64Array;
}

const kept = 1_024;
const quantiles = [0.5, 0.9, 0.99] as const;

export function createMetrics(): Metrics {
  const counters = new Map<string, Map<string, number>>();
  const summaries = new Map<string, Map<string, Summary>>();
  const gauges = new Map<string, Map<string, () => number>>();

  const recorder = (name: string, labels: Labels = {}): ((milliseconds: number) => void) => {
    const summary = entry(
      entry(summaries, name, () => new Map<string, Summary>()),
      labelText(labels),
      newSummary,
    );
    return (milliseconds) => {
      summary.recent[summary.count % kept] = milliseconds;
      summary.count += 1;
      summary.sum += milliseconds;
      if (milliseconds > summary.max) summary.max = milliseconds;
    };
  };

  return {
    recorder,
    observe: (name, milliseconds, labels) => recorder(name, labels)(milliseconds),
    increment(name, labels = {}) {
      const counter = entry(counters, name, () => new Map<string, number>());
      const key = labelText(labels);
      counter.set(key, (counter.get(key) ?? 0) + 1);
    },
    gauge(name, read, labels = {}) {
      entry(gauges, name, () => new Map<string, () => number>()).set(labelText(labels), read);
    },
    prometheus() {
      const lines: string[] = [];
      for (const [name, byLabel] of gauges) {
        lines.push(`# TYPE ${name} gauge`);
        for (const [labels, read] of byLabel) lines.push(`${name}${braced(labels)} ${read()}`);
      }
      for (const [name, counter] of counters) {
        lines.push(`# TYPE ${name} counter`);
        for (const [labels, value] of counter) lines.push(`${name}${braced(labels)} ${value}`);
      }
      for (const [name, byLabel] of summaries) {
        lines.push(`# TYPE ${name} summary`);
        for (const [labels, summary] of byLabel) {
          for (const quantile of quantiles)
            lines.push(`${name}${braced(joined(labels, `quantile="${quantile}"`))} ${quantileOf(summary, quantile)}`);
          lines.push(`${name}_sum${braced(labels)} ${summary.sum}`, `${name}_count${braced(labels)} ${summary.count}`);
        }
      }
      return `${lines.join('\n')}\n`;
    },
    json() {
      return {
        Gauges: [...gauges].flatMap(([Name, byLabel]) =>
          [...byLabel].map(([labels, read]) => ({ Name, Value: read(), Labels: labelsOf(labels) })),
        ),
        Counters: [...counters].flatMap(([Name, counter]) =>
          [...counter].map(([labels, Count]) => ({ Name, Count, Labels: labelsOf(labels) })),
        ),
        Samples: [...summaries].flatMap(([Name, byLabel]) =>
          [...byLabel].map(([labels, { count, sum, max }]) => ({
            Name,
            Count: count,
            Sum: sum,
            Max: max,
            Mean: count === 0 ? 0 : sum / count,
            Labels: labelsOf(labels),
          })),
        ),
      };
    },
  };
}

function newSummary(): Summary {
  return { count: 0, sum: 0, max: 0, recent: new Float64Array(kept) };
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function labelText(labels: Labels): string {
  let text = '';
  for (const name in labels) text = joined(text, `${name}=${JSON.stringify(labels[name])}`);
  return text;
}

function joined(one: string, other: string): string {
  return one === '' ? other : `${one},${other}`;
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value]) => [name as string, JSON.parse(value as string) as string]),
  );
}

function quantileOf({ recent, count }: Summary, quantile: number): number {
  const sorted = recent.slice(0, Math.min(count, kept)).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? 0;
}
