// Counters and durations of the plugin in Prometheus' text format. Labels are few, and never taken from a request.

export interface PluginMetrics {
  /** For the calls of one kind: told how each ended (`ok` or the code of a Fault), and its seconds. */
  calls(labels: CallLabels): (outcome: string, seconds: number) => void;
  /** A failure of a key backend, by the code of the Fault. */
  backendFailed(provider: string, backend: string, code: string): void;
  /** Read when the metrics are asked for. */
  gauge(name: string, help: string, read: () => readonly Sample[]): void;
  text(): string;
}

export interface CallLabels {
  readonly provider: string;
  readonly api: 'v2' | 'v1';
  readonly operation: string;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Seconds. kube-apiserver waits for 3 by default. */
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10] as const;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export function createPluginMetrics(): PluginMetrics {
  const calls = new Map<string, number>();
  const failures = new Map<string, number>();
  const durations = new Map<string, Histogram>();
  const gauges: { readonly name: string; readonly help: string; readonly read: () => readonly Sample[] }[] = [];
  return {
    calls({ provider, api, operation }) {
      const own = `provider="${provider}",api="${api}",operation="${operation}"`;
      const [well, histogram] = [`${own},outcome="ok"`, emptyHistogram()];
      return (outcome, seconds) => {
        // Shown from its first call on.
        if (histogram.count === 0) durations.set(own, histogram);
        count(calls, outcome === 'ok' ? well : `${own},outcome="${outcome}"`);
        observe(histogram, seconds);
      };
    },
    backendFailed: (provider, backend, code) => count(failures, `provider="${provider}",backend="${backend}",code="${code}"`),
    gauge: (name, help, read) => void gauges.push({ name, help, read }),
    text() {
      const lines = [
        ...headOf('casemate_kms_calls_total', 'Calls by how they ended.', 'counter'),
        ...[...calls].map(([labels, value]) => `casemate_kms_calls_total{${labels}} ${value}`),
        ...headOf('casemate_kms_call_duration_seconds', 'Seconds until a call was answered.', 'histogram'),
        ...[...durations].flatMap(([labels, histogram]) => histogramLines('casemate_kms_call_duration_seconds', labels, histogram)),
        ...headOf('casemate_kms_backend_failures_total', 'Failures of key backends, probes included.', 'counter'),
        ...[...failures].map(([labels, value]) => `casemate_kms_backend_failures_total{${labels}} ${value}`),
        ...gauges.flatMap(({ name, help, read }) => [
          ...headOf(name, help, 'gauge'),
          ...read().map(({ labels, value }) => `${name}{${labelsOf(labels)}} ${value}`),
        ]),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}

function count(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}

function emptyHistogram(): Histogram {
  return { counts: bounds.map(() => 0), sum: 0, count: 0 };
}

function observe(histogram: Histogram, seconds: number): void {
  histogram.sum += seconds;
  histogram.count += 1;
  const at = bounds.findIndex((bound) => seconds <= bound);
  if (at >= 0) histogram.counts[at] = (histogram.counts[at] as number) + 1;
}

function histogramLines(name: string, labels: string, { counts, sum, count: all }: Histogram): string[] {
  let below = 0;
  return [
    ...counts.map((own, index) => {
      below += own;
      return `${name}_bucket{${labels},le="${bounds[index]}"} ${below}`;
    }),
    `${name}_bucket{${labels},le="+Inf"} ${all}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${all}`,
  ];
}

function headOf(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',');
}
