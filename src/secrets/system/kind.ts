// The engine mounted at sys/: the routes of all parts of the system under one contract.

import type { Contract, RouteSpec } from '../../schema/contract.ts';
import type { AnyHandlers, OpenEngine } from '../core/engine.ts';

/** Route names carry the name of their part, since two parts may use the same word. */
export function openSystem(parts: Readonly<Record<string, OpenEngine>>): OpenEngine {
  const routes: Record<string, RouteSpec> = {};
  const handlers: Record<string, AnyHandlers[string]> = {};
  for (const [part, { contract, handlers: own }] of Object.entries(parts))
    for (const [name, route] of Object.entries(contract.routes)) {
      routes[`${part}-${name}`] = route;
      handlers[`${part}-${name}`] = own[name] as AnyHandlers[string];
    }
  const contract: Contract = {
    name: 'system',
    description: 'The server itself: seal, mounts, policies, leases, audit devices and tools.',
    routes,
  };
  return { contract, handlers };
}
