// Path help: what `?help=1` and the HELP verb answer, made from the contract.

import type { RouteSpec, Verb } from '../../schema/contract.ts';
import { openapiFor } from '../../schema/openapi.ts';
import type { Match } from '../../schema/routes.ts';
import type { Mounted } from '../mounts/router.ts';
import type { Reply } from './exchange.ts';

/** The help of one route, or of the whole mount when the path names no route. */
export function helpFor(mounted: Mounted, match: Match | undefined): Reply {
  const { contract } = mounted.engine;
  const routes = match === undefined ? Object.values(contract.routes) : [match.route.spec];
  const help = match === undefined ? mountHelp(contract.description, routes) : routeHelp(match.route.spec);
  return {
    kind: 'bare',
    status: 200,
    data: {
      help,
      see_also: null,
      openapi: openapiFor([
        { path: mounted.path, contract: { ...contract, routes: Object.fromEntries(routes.map((route) => [route.path, route])) } },
      ]),
    },
  };
}

function mountHelp(description: string, routes: readonly RouteSpec[]): string {
  return [
    `## DESCRIPTION\n\n${description}\n`,
    '## PATHS\n',
    ...routes.map((route) => `    ${route.path}\n        ${route.summary}\n`),
  ].join('\n');
}

const shown: readonly Verb[] = ['read', 'list', 'scan', 'write', 'patch', 'delete'];

function routeHelp(spec: RouteSpec): string {
  const parameters = new Map(Object.entries(spec.fields));
  for (const verb of shown) for (const [name, field] of Object.entries(spec.operations[verb]?.input ?? {})) parameters.set(name, field);
  const lines = [...parameters]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `    ${name} (${field.kind})\n        ${field.description}\n`);
  const operations = shown.flatMap((verb) =>
    spec.operations[verb] === undefined ? [] : [`    ${verb}\n        ${spec.operations[verb].summary}\n`],
  );
  return [
    `Request:        ${spec.path}\n\n${spec.summary}\n`,
    ...(lines.length === 0 ? [] : ['## PARAMETERS\n', ...lines]),
    '## OPERATIONS\n',
    ...operations,
    `## DESCRIPTION\n\n${spec.help}`,
  ].join('\n');
}
