// An etcd of one or several members without a Kubernetes around it: with TLS and client certificates, and members that are lost.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import type { Authority } from '../cluster/fixture/authority.ts';
import { type EtcdClient, openEtcd } from '../cluster/fixture/etcd-client.ts';
import { readyOrEnded } from '../cluster/fixture/readiness.ts';
import type { Component, Runner } from '../cluster/fixture/runner.ts';

export interface MembersOptions {
  /** Path of the program. */
  readonly program: string;
  /** Of the processes and their folders, so that several of them live beside each other. */
  readonly name: string;
  /** 1 by default. */
  readonly members?: number;
  /** Signs the certificate of the members, and whoever reads from `endpoints` shows one of it. */
  readonly authority?: Authority;
  /** Milliseconds until it must answer; 60,000 by default. */
  readonly within?: number;
}

export interface EtcdMembers {
  /** With TLS when there is an authority. */
  readonly endpoints: readonly string[];
  /** Writes, without TLS, through the member of this number. */
  writer(member?: number): EtcdClient;
  /** SIGKILL. Resolves when it is gone. */
  kill(member: number): Promise<void>;
  /** SIGSTOP and SIGCONT: it keeps its connections and answers nothing. */
  freeze(member: number): void;
  thaw(member: number): void;
  /** Number of the leader. */
  leader(): Promise<number>;
  stop(): Promise<void>;
}

/** Rejects with Fault `unavailable` and its last lines when a member ends instead of answering. */
export async function startMembers(runner: Runner, options: MembersOptions): Promise<EtcdMembers> {
  const { program, name, members: count = 1, authority, within = 60_000 } = options;
  const folder = join(runner.folder, name);
  mkdirSync(folder, { mode: 0o700 });
  const certificate = await authority?.issue({ name: `${name}-server`, subject: '/CN=etcd', names: ['IP:127.0.0.1'] });
  const ports = await runner.freePorts(3 * count);
  const members = Array.from({ length: count }, (_, index) => {
    const [secure, plain, peer] = ports.slice(3 * index) as [number, number, number];
    return { name: `${name}-${index}`, secure, plain, peer };
  });
  const cluster = members.map((member) => `${member.name}=http://127.0.0.1:${member.peer}`).join(',');
  const endpointOf = ({ secure, plain }: (typeof members)[number]): string =>
    authority === undefined ? `http://127.0.0.1:${plain}` : `https://127.0.0.1:${secure}`;
  const components = members.map((member): Component => {
    const urls = authority === undefined ? endpointOf(member) : `${endpointOf(member)},http://127.0.0.1:${member.plain}`;
    return runner.spawn(member.name, program, [
      `--name=${member.name}`,
      `--data-dir=${join(folder, member.name)}`,
      `--listen-client-urls=${urls}`,
      `--advertise-client-urls=${endpointOf(member)}`,
      `--listen-peer-urls=http://127.0.0.1:${member.peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${member.peer}`,
      `--initial-cluster=${cluster}`,
      ...(certificate === undefined || authority === undefined
        ? []
        : [
            ...[`--cert-file=${certificate.certificateFile}`, `--key-file=${certificate.keyFile}`],
            ...['--client-cert-auth', `--trusted-ca-file=${authority.certificateFile}`],
          ]),
      '--log-level=warn',
      '--unsafe-no-fsync',
    ]);
  });
  const writers = members.map(({ plain }) => openEtcd(`http://127.0.0.1:${plain}`));
  const componentAt = (member: number): Component => {
    const component = components[member];
    if (component === undefined) throw new Fault('not-found', `there is no member ${member}`);
    return component;
  };
  for (const [index, component] of components.entries())
    await readyOrEnded(component, () => (writers[index] as EtcdClient).revision(), { within });
  return {
    endpoints: members.map(endpointOf),
    writer: (member = 0) => writers[member] as EtcdClient,
    freeze: (member) => componentAt(member).kill('SIGSTOP'),
    thaw: (member) => componentAt(member).kill('SIGCONT'),
    async kill(member) {
      componentAt(member).kill('SIGKILL');
      await componentAt(member).ended;
    },
    async leader() {
      for (const [index, writer] of writers.entries()) {
        const { header, leader } = await writer.call('maintenance/status', {});
        if (header.member_id === leader) return index;
      }
      throw new Fault('unavailable', 'no member says that it leads');
    },
    async stop() {
      for (const writer of writers) writer.close();
      await Promise.all(components.map((component) => component.end()));
    },
  };
}

/** Writes `count` keys `<prefix><number>` in transactions as big as etcd takes them. */
export async function fill(etcd: EtcdClient, prefix: string, count: number, valueAt: (index: number) => Buffer): Promise<void> {
  const most = 128;
  const batch = (start: number): Promise<unknown> =>
    etcd.call('kv/txn', {
      success: Array.from({ length: Math.min(most, count - start) }, (_, at) => ({
        request_put: {
          key: Buffer.from(`${prefix}${String(start + at).padStart(7, '0')}`).toString('base64'),
          value: valueAt(start + at).toString('base64'),
        },
      })),
    });
  const sideBySide = 8;
  for (let start = 0; start < count; start += most * sideBySide)
    await Promise.all(
      Array.from({ length: sideBySide }, (_, index) => start + index * most)
        .filter((at) => at < count)
        .map(batch),
    );
}
