// The log: JSON lines with a constant message; what varies stands in fields, and nothing secret stands in either.

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields that stand in each of its lines. A field `logger` names a part of the program with a level of its own. */
  with(fields: LogFields): Log;
  /** What is written at all; shared by all logs that were made from one. */
  readonly levels?: LogLevels;
}

/** The levels of a running program: they hold from the next line on. */
export interface LogLevels {
  /** The parts that have logged through a name of theirs, with the whole under `core`. */
  names(): string[];
  /** undefined for a name that nobody has. */
  get(name: string): LogLevel | undefined;
  set(name: string, level: LogLevel): void;
  setAll(level: LogLevel): void;
  /** Back to what the program was started with. */
  reset(name?: string): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now: () => number;
}

/** What everything logs as that has no name. */
const whole = 'core';

interface Thresholds extends LogLevels {
  readonly of: ReadonlyMap<string, number>;
  add(name: string): void;
}

function thresholds(started: LogLevel): Thresholds {
  const first = logLevels.indexOf(started);
  const of = new Map([[whole, first]]);
  /** For the parts that are yet to come. */
  let common = first;
  return {
    of,
    add: (name) => void (of.has(name) || of.set(name, common)),
    names: () => [...of.keys()].sort(),
    get: (name) => logLevels[of.get(name) ?? -1],
    set: (name, level) => void of.set(name, logLevels.indexOf(level)),
    setAll(level) {
      common = logLevels.indexOf(level);
      for (const name of of.keys()) of.set(name, common);
    },
    reset(name) {
      if (name === undefined) this.setAll(started);
      else of.set(name, first);
    },
  };
}

/** An Error among the fields is printed as its name, message and causes: stacks only at debug level. Never throws. */
export function jsonLog(options: LogOptions, fixed: LogFields = {}): Log {
  return logOf(options, fixed, thresholds(options.level));
}

function logOf(options: LogOptions, fixed: LogFields, levels: Thresholds): Log {
  const name = typeof fixed['logger'] === 'string' ? fixed['logger'] : whole;
  levels.add(name);
  const at = (level: LogLevel) => {
    const index = logLevels.indexOf(level);
    return (message: string, fields?: LogFields) => {
      const threshold = levels.of.get(name) ?? index;
      if (index < threshold) return;
      const own = { time: new Date(options.now()).toISOString(), level, message };
      const line: Record<string, unknown> = { ...own, ...fixed, ...fields, ...own };
      for (const [field, value] of Object.entries(line)) if (value instanceof Error) line[field] = described(value, threshold <= 1);
      options.write(`${printed(line, own)}\n`);
    };
  };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => logOf(options, { ...fixed, ...fields }, levels),
    levels,
  };
}

export const silentLog: Log = jsonLog({ level: 'error', write: () => {}, now: () => 0 });

/** Whoever logs is in the middle of something else: a field that cannot be written must not end it. */
function printed(line: LogFields, own: LogFields): string {
  try {
    return JSON.stringify(line, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    return JSON.stringify({ ...own, unprintable: Object.keys(line).filter((name) => !(name in own)) });
  }
}

const longestChain = 8;

function described(error: Error, withStack: boolean, depth = 1): Record<string, unknown> {
  const facts: Record<string, unknown> = { name: error.name, message: error.message };
  if ('code' in error) facts['code'] = error.code;
  if (error.cause instanceof Error && depth < longestChain) facts['cause'] = described(error.cause, withStack, depth + 1);
  if (withStack) facts['stack'] = error.stack;
  return facts;
}
