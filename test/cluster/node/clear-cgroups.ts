// What the guardian of a cluster runs at the end of a node: removes its control groups, and complains about those that stay.

import { type CgroupPlan, removeCgroups } from './cgroups.ts';

const left = await removeCgroups(JSON.parse(process.argv[2] ?? '') as CgroupPlan);
if (left.length > 0) process.stderr.write(`control groups stayed: ${left.join(' ')}\n`);
