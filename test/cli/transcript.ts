// Command lines with what they print, written as one reads them in a terminal, and played again.
//
//     $ kv get -field=user secret/app     what is typed, without the program's name
//       u2= 0                             two blanks: stdout; a missing line end is missing here too
//     ! No value found                    stderr
//     = 0                                 exit code
//
// Times, ids and the address are replaced by names, so that the text is the same in each run.

import type { Session } from './session.ts';

/** Types the lines of a transcript and writes it anew from what came. */
export async function play(session: Session, transcript: string): Promise<string> {
  const lines = transcript.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []));
  const played: string[] = [];
  for (const line of lines) {
    const { code, out, err } = await session.run(...wordsOf(line));
    played.push(`$ ${line}\n${marked('  ', out)}${marked('! ', err)}= ${code}\n`);
  }
  return tidy(named(played.join('\n')));
}

/** A transcript as play gives it: without blanks at the ends of lines. */
export function tidy(transcript: string): string {
  return transcript.trim().replace(/ +$/gm, '');
}

function marked(mark: string, text: string): string {
  return text
    .replace(/^/gm, mark)
    .replace(new RegExp(`\\n${mark}$`), '\n')
    .replace(new RegExp(`^${mark}$`), '');
}

function named(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s"]*/g, '<time>')
    .replace(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, '<uuid>')
    .replace(/\b(cubbyhole|identity|kv|system)_[\da-z]{8}\b/g, '$1_<id>')
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, 'http://<address>');
}

/** As a shell cuts them, with quotes around words that hold blanks. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}
