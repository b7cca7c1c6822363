// Tells what a benchmark measures: a table that grows line by line, or one JSON document at the end.

import { arch, availableParallelism, cpus, platform } from 'node:os';
import { version } from '../src/base/version.ts';
import type { Cores } from './cores.ts';
import type { ServerBenchOptions } from './options.ts';
import type { Listener } from './server-suite.ts';
import type { StartFigures } from './startup.ts';
import { floorLine, headLine, rowLine, tableColumns } from './table.ts';
import { secretCount } from './workloads.ts';

/** `write` takes text as it is to appear on stdout. */
export function reportFor(options: ServerBenchOptions, write: (text: string) => void): Listener {
  return options.format === 'json' ? jsonReport(options, write) : tableReport(options, write);
}

function tableReport(options: ServerBenchOptions, write: (text: string) => void): Listener {
  const columns = tableColumns(options.peer?.name);
  const notes: string[] = [];
  return {
    began({ cores, peerVersion }) {
      write(`${machine()}\n${setting(options, cores)}\n`);
      if (options.peer !== undefined) write(`${options.peer.name} is version ${peerVersion}, asked in turns with Casemate\n`);
      if (options.startup === undefined) write(`\n${headLine(columns)}\n`);
      else write(`\nStoring ${options.startup.toLocaleString('en-US')} secrets, then starting again and again ...\n`);
    },
    measured: (row) => write(`${rowLine(columns, row)}\n`),
    note: (sentence) => void notes.push(sentence),
    started: (figures) => write(`${startText(figures)}\n${notes.map((note) => `\n${note}\n`).join('')}`),
    ended(_rows, floors) {
      if (floors.length > 0) write(`\nFloors, at 16 connections:\n${floors.map((verdict) => `  ${floorLine(verdict)}\n`).join('')}`);
      if (notes.length > 0) write(`\n${notes.join('\n')}\n`);
    },
  };
}

function jsonReport(options: ServerBenchOptions, write: (text: string) => void): Listener {
  const notes: string[] = [];
  // The token of the peer is nobody's business.
  const { peer, ...settings } = options;
  let facts: object = {};
  const tell = (results: object) =>
    write(`${JSON.stringify({ suite: 'server', version, machine: machine(), ...facts, settings, notes, ...results }, undefined, 2)}\n`);
  return {
    began({ cores, peerVersion }) {
      facts = { cores, ...(peer === undefined ? {} : { peer: { name: peer.name, version: peerVersion } }) };
    },
    measured: () => {},
    note: (sentence) => void notes.push(sentence),
    started: (startup) => tell({ startup }),
    ended: (rows, floors) => tell({ rows, floors }),
  };
}

function machine(): string {
  return `Casemate ${version}, Node ${process.version}, ${platform()} ${arch()}, ${availableParallelism()} cores of ${cpus()[0]?.model ?? 'unknown make'}`;
}

function setting({ seconds, rounds }: ServerBenchOptions, cores: Cores): string {
  const places = cores.server === undefined ? 'held to no core' : `servers on core ${cores.server}, load on core ${cores.load}`;
  return `LMDB with fsync, ${secretCount.toLocaleString('en-US')} secrets, ${seconds} s for each figure, rounds: ${rounds}; ${places}`;
}

function startText({ secrets, answers, reads, megabytes, holds }: StartFigures): string {
  const stored = secrets.toLocaleString('en-US');
  return [
    `With ${stored} secrets stored a started process answers after ${answers.toFixed(0)} ms,`,
    `and gives out a secret after ${reads.toFixed(0)} ms, unsealed over HTTP in between${megabytes === undefined ? '' : ` (RSS ${megabytes.toFixed(0)} MB)`}.`,
    `${holds ? 'holds ' : 'MISSED'} start: less than 1 s`,
  ].join('\n');
}
