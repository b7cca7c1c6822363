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
  /** The same log with fields that stand in each of its lines. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now: () => number;
}

/** An Error among the fields is printed as its name, message and causes: stacks only at debug level. Never throws. */
export function jsonLog(options: LogOptions, fixed: LogFields = {}): Log {
  const threshold = logLevels.indexOf(options.level);
  const at = (level: LogLevel) => {
    if (logLevels.indexOf(level) < threshold) return () => {};
    return (message: string, fields?: LogFields) => {
      const own = { time: new Date(options.now()).toISOString(), level, message };
      const line: Record<string, unknown> = { ...own, ...fixed, ...fields, ...own };
      for (const [name, value] of Object.entries(line)) if (value instanceof Error) line[name] = described(value, threshold <= 1);
      options.write(`${printed(line, own)}\n`);
    };
  };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => jsonLog(options, { ...fixed, ...fields }),
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
