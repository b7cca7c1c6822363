// `casemate kms install`: the plugin beside the kube-apiserver of each node, the KMS as one that opens, and then as the one that seals.

import { readFileSync } from 'node:fs';
import { extname, posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { Ending } from '../../cli/ending.ts';
import type { FlagValues } from '../../cli/flags.ts';
import type { KmsProvider } from '../../etcd/config/encryption-config.ts';
import { applyPlan, reloadWith, type Work } from '../../etcd/install/apply-plan.ts';
import { type NodePlan, type PlanOptions, planNode, presentIn } from '../../etcd/install/node-plan.ts';
import { configFileOf, configNames, type PluginPlace, pluginForms, ringFileOf, unitCommands } from '../../etcd/install/plugin-place.ts';
import { partOf, providerSteps } from '../../etcd/install/provider-steps.ts';
import { observe } from '../../etcd/manager/change-context.ts';
import type { ApiserverState } from '../../etcd/manager/convergence.ts';
import { type ManagedNode, viewOf } from '../../etcd/manager/managed-node.ts';
import type { OpenCluster } from '../etcd/cluster.ts';
import { confirmed } from '../etcd/confirm.ts';
import { formatOf, type Shown, shownAs } from '../etcd/show.ts';
import { locked, type Nodes, refuseForeign, runLabel, waitsOf, withNodes } from './chosen.ts';
import { loadKmsConfig } from './config-file.ts';
import type { installFlags } from './flags.ts';
import { ringSource } from './ring-source.ts';
import { filesOf, planDiff } from './show-plan.ts';

type Install = FlagValues<typeof installFlags>;

interface Installation {
  readonly cluster: OpenCluster;
  readonly states: readonly ApiserverState[];
  readonly options: PlanOptions;
  readonly plans: readonly NodePlan[];
}

/** Resolves to the exit code: 3 when somebody has to start the plugin before this can go on. */
export async function install(flags: Install, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  const own = ownConfigOf(flags);
  const place = placeOf(flags, own);
  return withNodes(flags, signal, async (cluster, nodes) => {
    await refuseForeign(cluster, signal);
    const installation = await looked(cluster, nodes, { flags, place, ownConfig: own?.text }, signal);
    const { plans } = installation;
    if (flags['dry-run']) {
      shown.result(plans.map(filesOf), () => plans.map(planDiff).join('\n') || 'Nothing would change.');
      return 0;
    }
    if (!flags.yes) await confirmed(`${plans.map(planDiff).join('\n')}\nGo on?`, signal);
    let code = 0;
    await locked(cluster, shown.note, signal, async (both) => {
      code = await applied(installation, flags, shown, both);
    });
    return code;
  });
}

async function looked(
  cluster: OpenCluster,
  nodes: Nodes,
  { flags, place, ownConfig }: { readonly flags: Install; readonly place: PluginPlace; readonly ownConfig: string | undefined },
  signal: AbortSignal,
): Promise<Installation> {
  const states = await observe(cluster, signal);
  for (const { name } of nodes) {
    const state = states.find(({ node }) => node === name);
    if (state?.known !== true)
      throw new Fault('unavailable', `nothing is begun on ${name}: ${state?.reason ?? 'its kube-apiserver is unknown'}`);
  }
  const provider = providerOf(flags, place);
  const kubernetesMinor = await minorOf(cluster, signal);
  const path = ringFileOf(place);
  const options: PlanOptions = {
    ...{ place, provider, kubernetesMinor, ownConfig },
    resources: flags.resources?.split(',') ?? ['secrets'],
    pluginOnly: flags['plugin-only'],
    sibling: await siblingOf(cluster, provider, signal),
    ring: ringSource(
      { given: flags.ring, mayBeNew: flags['new-ring'], path, nodes: cluster.nodes, states, kmsName: provider.name },
      signal,
    ),
  };
  const plans: NodePlan[] = [];
  for (const node of nodes) plans.push(await planNode(node, await viewOf(node, signal), options, signal));
  return { cluster, states, options, plans };
}

/** What another node has, this one has to have as well: the manager wants one configuration on all. */
async function siblingOf({ nodes }: OpenCluster, { name, endpoint }: KmsProvider, signal: AbortSignal): Promise<string | undefined> {
  for (const node of nodes) {
    const view = await viewOf(node, signal);
    if (partOf(presentIn(node, view), name)?.provider.endpoint === endpoint) return view.config;
  }
  return undefined;
}

async function applied({ cluster, options, plans }: Installation, flags: Install, shown: Shown, signal: AbortSignal): Promise<number> {
  const { place, provider } = options;
  const report = (note: string) => shown.report({ step: 'install', note });
  const work: Work = { place, waits: waitsOf(flags), label: runLabel('install'), report };
  for (const plan of plans) {
    const outcome = await applyPlan(plan, work, signal);
    if (outcome !== 'plugin-missing') continue;
    const next = [...unitCommands];
    shown.result({ installed: false, node: plan.node.name, next }, () =>
      [
        `The unit is written on ${plan.node.name}, and kube-apiserver is not changed yet. Start the plugin there, and run this again:`,
        ...next.map((each) => `  ${each}`),
      ].join('\n'),
    );
    return 3;
  }
  const states = await observe(cluster, signal);
  const [only] = plans;
  const alone = states.length === 1 && only !== undefined;
  const seals = !flags['plugin-only'] && alone ? await sealing(only.node, options, work, signal) : false;
  const names = plans.map(({ node }) => node.name);
  const advice = adviceOf(flags, provider, states, seals);
  shown.result({ installed: true, nodes: names, socket: place.socket, config: configFileOf(place), seals, next: advice.commands }, () =>
    [
      `The plugin runs beside kube-apiserver on ${names.join(', ')}, with ${configFileOf(place)}.`,
      ...(options.ownConfig === undefined && plans.some(({ pluginFiles }) => pluginFiles.length > 0)
        ? [`Its key is ${ringFileOf(place)}: keep a copy of it off this machine, since nothing that it seals is read without it.`]
        : []),
      advice.text,
      ...advice.commands.map((each) => `  ${each}`),
    ].join('\n'),
  );
  return 0;
}

/** Only where one kube-apiserver lives: nobody else has to read what it seals. */
async function sealing(node: ManagedNode, options: PlanOptions, { waits, report }: Work, signal: AbortSignal): Promise<boolean> {
  const view = await viewOf(node, signal);
  const present = presentIn(node, view);
  if ((partOf(present, options.provider.name)?.seals.length ?? 0) > 0) return true;
  report(`kube-apiserver on ${node.name} opens what the KMS seals; now it seals with it`);
  await reloadWith(node, view, providerSteps(present, options).write, waits, signal);
  return true;
}

function adviceOf(flags: Install, { apiVersion, name, endpoint }: KmsProvider, states: readonly ApiserverState[], seals: boolean) {
  const kms = `-provider=kms-${apiVersion} -kms-name=${name} -kms-endpoint=${endpoint}`;
  if (flags['plugin-only']) return { text: 'When it is on every node, move to it:', commands: [`casemate etcd rotate-key ${kms}`] };
  if (seals)
    return {
      text: 'What is written from now on is sealed. What was there before is in clear until it is written anew; this does that, and proves it in etcd:',
      commands: ['casemate etcd rotate-key', 'casemate kms doctor'],
    };
  const resources = flags.resources === 'secrets' ? '' : ` -resources=${flags.resources}`;
  return {
    text: `${states.length} kube-apiservers live (${states.map(({ node }) => node).join(', ')}), so nothing is sealed yet: each of them must open the KMS before one seals with it. When the plugin is on every node, the manager goes on, with proof at each step:`,
    commands: [`casemate etcd enable ${kms}${resources}`],
  };
}

interface OwnConfig {
  readonly text: string;
  readonly name: PluginPlace['configName'];
  readonly socket: string;
  /** HOST:PORT; undefined where the plugin listens for nobody. */
  readonly health: string | undefined;
}

function ownConfigOf(flags: Install): OwnConfig | undefined {
  const path = flags['plugin-config'];
  if (path === undefined) return undefined;
  // As the plugin itself reads it: what it would refuse is refused here, with the line.
  const { providers, health } = loadKmsConfig(path);
  const [first, ...others] = providers;
  if (first === undefined || others.length > 0)
    throw new Fault(
      'usage',
      `${path} has ${others.length + 1} providers: one is installed at a time, since each has a name and a socket of its own`,
    );
  const [hcl, json] = configNames;
  return {
    text: readFileSync(path, 'utf8'),
    name: extname(path) === '.json' ? json : hcl,
    socket: first.socket,
    health: health === undefined ? undefined : `${health.host}:${health.port}`,
  };
}

function placeOf(flags: Install, own: OwnConfig | undefined): PluginPlace {
  const form = pluginForms.find((each) => each === flags.form);
  if (form === undefined) throw new Ending(`there is no form ${JSON.stringify(flags.form)} here; use ${pluginForms.join(', ')}`);
  if (form !== 'systemd' && flags.image === undefined)
    throw new Ending('name the image of the plugin with -image=IMAGE, or say -form=systemd');
  const socket = own?.socket ?? flags.socket ?? '';
  for (const path of [socket, flags['plugin-folder'] ?? ''])
    if (!posix.isAbsolute(path)) throw new Ending(`${JSON.stringify(path)} is no absolute path`);
  const folder = posix.dirname(socket);
  const socketFolder = flags['socket-folder'] ?? folder;
  if (form !== 'sidecar' && socketFolder !== folder) throw new Ending('-socket-folder is for a sidecar alone');
  return {
    ...{ form, socket, socketFolder },
    image: flags.image,
    folder: flags['plugin-folder'] ?? '',
    configName: own?.name ?? 'kms.hcl',
    // kube-apiserver waits for a sidecar as long as this does not answer.
    health: own === undefined ? flags.health || undefined : own.health,
    program: flags.program ?? '',
  };
}

function providerOf(flags: Install, { socket }: PluginPlace): KmsProvider {
  const version = flags['kms-version'];
  if (version !== 'v1' && version !== 'v2') throw new Ending(`there is no KMS ${JSON.stringify(version)}; use v2 or v1`);
  return {
    type: 'kms',
    apiVersion: version,
    name: flags['kms-name'] ?? 'casemate',
    endpoint: `unix://${socket}`,
    timeout: flags['kms-timeout'],
  };
}

async function minorOf({ client }: OpenCluster, signal: AbortSignal): Promise<number | undefined> {
  const { text } = await client.raw('/version', { signal });
  const found = /"minor":\s*"(\d+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
