// The verbs LIST, SCAN and HELP, which Node's HTTP parser refuses: renamed to spare verbs of equal length before the parser sees them.

interface Renaming {
  readonly verb: 'LIST' | 'SCAN' | 'HELP';
  /** A verb that the parser knows and nobody uses; a client that sends it itself is refused. */
  readonly spare: string;
  /** How many of the verb's letters the parser follows before it refuses: some verb that it knows begins with them. */
  readonly followed: number;
}

const renamings: readonly Renaming[] = [
  { verb: 'LIST', spare: 'LINK', followed: 2 },
  { verb: 'SCAN', spare: 'COPY', followed: 1 },
  { verb: 'HELP', spare: 'BIND', followed: 2 },
];

/** Of LIST. */
export const spareVerb = 'LINK';

/** What was sent for a method that came out of the parser; undefined when it is not one of the spare verbs. */
export function sentVerb(method: string | undefined): Renaming['verb'] | undefined {
  return renamings.find(({ spare }) => spare === method)?.verb;
}

/** With the blank behind them, each with what it becomes. */
const swaps: readonly (readonly [from: string, to: string])[] = renamings.flatMap(({ verb, spare }) => [
  [`${verb} `, `${spare} `],
  [`${spare} `, `${verb} `],
]);
/** A verb and the blank behind it. */
const verbBytes = 5;

/**
 * What follows in a packet from the verb on for whose sake the parser refused it at `refusedAt`; undefined when it was
 * none of those that are renamed. The first letters may have come in an earlier packet.
 */
export function refusedVerb(packet: Buffer | undefined, refusedAt: number): Buffer | undefined {
  if (packet === undefined || refusedAt >= packet.length) return undefined;
  for (const { verb, followed } of renamings) {
    const from = Math.max(refusedAt - followed, 0);
    const missing = followed - (refusedAt - from);
    const found = Buffer.concat([Buffer.from(verb.slice(0, missing)), packet.subarray(from)]);
    if (`${verb} `.startsWith(found.toString('latin1', 0, verbBytes))) return found;
  }
  return undefined;
}

/** What the next bytes are: the beginning of a request, a line of its head, bytes of its body, and so on. */
type Expected = 'verb' | 'head' | 'body' | 'chunk size' | 'chunk' | 'trailer' | 'lost';

/**
 * Follows the requests of a connection just far enough to know where each begins, and renames there and nowhere else.
 * A spare verb becomes the other one in its turn, which the parser refuses. Everything keeps its length, and all but the letters
 * of an unfinished verb goes through at once, so that the parser's own limits hold. What comes after a request that cannot be
 * followed is thrown away: the parser refuses such requests too.
 */
export function createRenamer(): (packet: Buffer) => Buffer {
  const tracker = new Tracker();
  let held: Buffer = Buffer.alloc(0);

  return (packet) => {
    const bytes = held.length === 0 ? packet : Buffer.concat([held, packet]);
    held = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length && tracker.expected !== 'lost') {
      if (tracker.expected !== 'verb') {
        at = tracker.follow(bytes, at);
        continue;
      }
      // The parser skips empty lines before a request.
      if (bytes[at] === 0x0d || bytes[at] === 0x0a) {
        at += 1;
        continue;
      }
      const verb = bytes.toString('latin1', at, at + verbBytes);
      if (verb.length < verbBytes && swaps.some(([from]) => from.startsWith(verb))) {
        held = Buffer.from(bytes.subarray(at));
        return bytes.subarray(0, at);
      }
      const to = swaps.find(([from]) => from === verb)?.[1];
      if (to !== undefined) bytes.write(to, at, 'latin1');
      tracker.begin();
    }
    return bytes.subarray(0, at);
  };
}

class Tracker {
  #expected: Expected = 'verb';
  /** Of the body, or of the chunk. */
  #bytesLeft = 0;
  #line = '';
  #length: number | undefined;
  #chunked = false;
  #unclear = false;

  get expected(): Expected {
    return this.#expected;
  }

  begin(): void {
    this.#length = undefined;
    this.#chunked = false;
    this.#unclear = false;
    this.#expected = 'head';
  }

  /** Takes bytes from `at` on and returns where it stopped. */
  follow(bytes: Buffer, at: number): number {
    if (this.#bytesLeft > 0) {
      const taken = Math.min(this.#bytesLeft, bytes.length - at);
      this.#bytesLeft -= taken;
      if (this.#bytesLeft === 0 && this.#expected === 'body') this.#expected = 'verb';
      return at + taken;
    }
    const end = bytes.indexOf('\n', at);
    this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
    if (end < 0) return bytes.length;
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#expected = this.#after(line);
    return end + 1;
  }

  #after(line: string): Expected {
    switch (this.#expected) {
      case 'head':
        if (line === '') return this.#afterHead();
        this.#note(line);
        return 'head';
      case 'chunk size':
        return this.#afterChunkSize(line);
      case 'chunk':
        return line === '' ? 'chunk size' : 'lost';
      case 'trailer':
        return line === '' ? 'verb' : 'trailer';
      default:
        return 'lost';
    }
  }

  /** A length that is declared twice, or in a way that others may read differently, is how requests are smuggled (RFC 9112, 6.3). */
  #note(line: string): void {
    if (/^[ \t]/.test(line)) this.#unclear = true;
    const [, name, value = ''] = /^(content-length|transfer-encoding)[ \t]*:[ \t]*(.*?)[ \t]*$/i.exec(line) ?? [];
    if (name === undefined) return;
    if (this.#length !== undefined || this.#chunked) this.#unclear = true;
    if (name.toLowerCase() === 'transfer-encoding' && /(?:^|[, \t])chunked$/i.test(value)) this.#chunked = true;
    else if (/^content/i.test(name) && /^\d{1,15}$/.test(value)) this.#length = Number(value);
    else this.#unclear = true;
  }

  #afterHead(): Expected {
    if (this.#unclear) return 'lost';
    if (this.#chunked) return 'chunk size';
    this.#bytesLeft = this.#length ?? 0;
    return this.#bytesLeft === 0 ? 'verb' : 'body';
  }

  #afterChunkSize(line: string): Expected {
    const size = /^([0-9a-f]{1,13})[ \t]*(?:;|$)/i.exec(line)?.[1];
    if (size === undefined) return 'lost';
    this.#bytesLeft = Number.parseInt(size, 16);
    return this.#bytesLeft === 0 ? 'trailer' : 'chunk';
  }
}
