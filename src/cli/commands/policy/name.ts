// How policies are called: in lower case.

/** The name that the server knows a policy by. */
export function policyName(argument: string): string {
  return argument.trim().toLowerCase();
}
