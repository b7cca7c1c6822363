// Reads metrics in Prometheus' text format, as the components of Kubernetes serve them at /metrics.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** All samples of one metric. A metric that is not there is unknown, never zero: names change between versions. */
export function samplesOf(text: string, metric: string): readonly Sample[] {
  const found: Sample[] = [];
  // Of megabytes a few lines are wanted.
  for (let at = text.indexOf(metric); at !== -1; at = text.indexOf(metric, at + 1)) {
    if (at !== 0 && text[at - 1] !== '\n') continue;
    const end = text.indexOf('\n', at);
    const [, name, inside = '', value = ''] = line.exec(text.slice(at, end === -1 ? undefined : end)) ?? [];
    if (name === metric) found.push({ labels: labelsIn(inside), value: Number(value) });
  }
  return found;
}

function labelsIn(inside: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...inside.matchAll(label)].map(([, key, value]) => [key, unescaped(value as string)]));
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
