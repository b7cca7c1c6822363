// What is done to a node's files in the words of a POSIX shell, with the tools of any distribution or of busybox.

/** The exit codes of the scripts, out of the way of those that shells and `sudo` have of their own. */
export const outcomes = {
  absent: 70,
  forbidden: 71,
  readOnly: 72,
  full: 73,
  refused: 74,
  notAFile: 75,
  incomplete: 76,
  noFolder: 77,
} as const;

/** One word of a shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * `seen PATH` ends with `absent` only if nobody forbids to look: a folder that may not be entered hides what is in it.
 * `settle FOLDER` makes its entries durable; who may not read a folder cannot sync it alone.
 * `why FOLDER BYTES` ends with the reason for which nothing could be written there, found by looking, not by reading messages.
 */
const common = `set -u
LC_ALL=C; export LC_ALL
umask 077
up() { case $1 in */*) up=\${1%/*} ;; *) up=. ;; esac; [ -n "$up" ] || up=/; }
seen() {
  [ -e "$1" ] && return
  up "$1"; until [ -e "$up" ] || [ "$up" = / ]; do up "$up"; done
  [ ! -d "$up" ] || [ -x "$up" ] || exit ${outcomes.forbidden}
  exit ${outcomes.absent}
}
settle() { sync "$1" 2>/dev/null || sync || exit ${outcomes.refused}; }
why() {
  at=$(df -P "$1" | tail -n 1); at=$(printf %s "\${at##*% }" | sed 's/ /\\\\040/g'); how=
  while read -r _ point _ options _; do if [ "$point" = "$at" ]; then how=$options; fi; done </proc/self/mounts
  case ,$how, in *,ro,*) exit ${outcomes.readOnly} ;; esac
  [ -w "$1" ] && [ -x "$1" ] || exit ${outcomes.forbidden}
  free=$(stat -f -c '%a %S' "$1") && [ $((\${free% *} * \${free#* })) -lt "$2" ] && exit ${outcomes.full}
  exit ${outcomes.refused}
}
`;

/**
 * Prints the mode in octal digits, a line's end, and the bytes. Here as below the mark stands before and after an answer: what start-up
 * files of a shell print is told from it, and a cut answer from a whole one.
 */
export function readScript(path: string, mark: string): string {
  return `${common}p=${quoted(path)}
seen "$p"
[ ! -d "$p" ] || exit ${outcomes.notAFile}
exec 2>/dev/null
[ -r "$p" ] || exit ${outcomes.forbidden}
printf %s ${quoted(mark)}
{ stat -L -c %a /proc/self/fd/3 && cat <&3; } 3<"$p" || exit ${outcomes.refused}
printf %s ${quoted(mark)}
`;
}

export interface Writing {
  readonly path: string;
  readonly mode: number;
  readonly length: number;
  readonly sha256: string;
  /** Of letters and digits, never used before. */
  readonly token: string;
}

/** Between the path's own name and the token, in the names of files that are not finished yet. */
export const draftMark = 'casemate-new';

/**
 * The content comes by standard input, and takes the place of the file only when it has its length and digest. What earlier writes of
 * this file left behind, having been killed, goes first. A symbolic link stays one: the file that it leads to is written.
 * Also when it refuses it reads all that comes: a kubelet waits for a command to take its input, for ever. And it does not wait for
 * the end of its input, of which old API servers do not tell.
 */
export function writeScript({ path, mode, length, sha256, token }: Writing): string {
  return `${common}head -c ${length} | (
trap 'cat >/dev/null' EXIT
p=${quoted(path)}
if [ -L "$p" ]; then p=$(readlink -f "$p") || exit ${outcomes.noFolder}; fi
up "$p"; d=$up; b=\${p##*/}
( seen "$d" ); case $? in 0) ;; ${outcomes.absent}) exit ${outcomes.noFolder} ;; *) exit ${outcomes.forbidden} ;; esac
[ -d "$d" ] || exit ${outcomes.noFolder}
[ ! -d "$p" ] || exit ${outcomes.notAFile}
for old in "$d/.$b.${draftMark}-"*; do [ ! -e "$old" ] || rm -f "$old" || why "$d" 0; done
t=$d/.$b.${draftMark}-${token}
undo() { rm -f "$t"; }
trap 'undo; exit ${outcomes.incomplete}' HUP INT TERM PIPE
failed() { (why "$d" ${length}); code=$?; undo; exit $code; }
true >"$t" || failed
cat >"$t" || failed
[ "$(wc -c <"$t")" -eq ${length} ] || { undo; exit ${outcomes.incomplete}; }
sum=$(sha256sum <"$t") && [ "\${sum%% *}" = ${sha256} ] || { undo; exit ${outcomes.incomplete}; }
if [ -e "$p" ]; then
  owner=$(stat -c %u:%g "$p") && { [ "$(stat -c %u:%g "$t")" = "$owner" ] || chown "$owner" "$t" || { undo; exit ${outcomes.forbidden}; }; } || failed
fi
chmod ${octal(mode)} "$t" || failed
if [ -e /sys/fs/selinux/enforce ] && command -v chcon >/dev/null; then
  if [ -e "$p" ]; then label=$(stat -c %C "$p"); else label=$(matchpathcon -n "$p" 2>/dev/null) || label=; fi
  [ -z "$label" ] || chcon "$label" "$t" || failed
fi
sync "$t" || failed
mv -f "$t" "$p" || failed
settle "$d"
)
`;
}

export function removeScript(path: string): string {
  return `${common}p=${quoted(path)}
[ -L "$p" ] || seen "$p"
[ -L "$p" ] || [ ! -d "$p" ] || exit ${outcomes.notAFile}
up "$p"
rm -f "$p" || why "$up" 0
settle "$up"
`;
}

/** Prints names, a NUL after each. */
export function listScript(folder: string, mark: string): string {
  return `${common}p=${quoted(folder)}
seen "$p"
[ -d "$p" ] || exit ${outcomes.absent}
[ -r "$p" ] && [ -x "$p" ] || exit ${outcomes.forbidden}
printf %s ${quoted(mark)}
for f in "$p"/* "$p"/.[!.]* "$p"/..?*; do
  if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\\0' "\${f##*/}"; fi
done
printf %s ${quoted(mark)}
`;
}

/** Parents that are missing are open to read, as distributions make them; the last one is never wider than asked for. */
export function folderScript(path: string, mode: number): string {
  return `${common}umask 022
p=${quoted(path)}
[ ! -e "$p" ] || [ -d "$p" ] || exit ${outcomes.notAFile}
near() { up "$p"; until [ -e "$up" ]; do up "$up"; done; why "$up" 0; }
up "$p"
[ -d "$up" ] || mkdir -p "$up" || near
[ -d "$p" ] || mkdir -m ${octal(mode)} "$p" || near
chmod ${octal(mode)} "$p" || { (why "$p" 0); code=$?; [ $code = ${outcomes.refused} ] && code=${outcomes.forbidden}; exit $code; }
settle "$p"
settle "$up"
`;
}

/**
 * Prints for each process that may be the program a line `pid N`, and its words in hexadecimal digits, each ended by 00.
 * The shell's own `read` looks at the words first: hundreds of processes would be hundreds of other programs to start.
 */
export function processScript(program: string, mark: string): string {
  return `${common}exec 2>/dev/null
n=${quoted(program)}
cd /proc || exit ${outcomes.refused}
printf %s ${quoted(mark)}
for pid in [0-9]*; do
  words=; read -r words <"$pid/cmdline"
  case $words in "$n"*|*/"$n"*) echo "pid $pid"; od -An -v -tx1 "$pid/cmdline" ;; esac
done
printf %s ${quoted(mark)}
`;
}

/** Prints the number of free blocks and the bytes of one. */
export function freeScript(folder: string, mark: string): string {
  return `${common}seen ${quoted(folder)}
printf %s ${quoted(mark)}
stat -f -c '%a %S' ${quoted(folder)} || exit ${outcomes.refused}
printf %s ${quoted(mark)}
`;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
