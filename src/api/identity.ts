// The identity store's mount: it holds its place among the mounts, and has no routes so far.

import { contract } from '../schema/contract.ts';

export const identity = contract({ name: 'identity', description: 'identity store', routes: {} });
