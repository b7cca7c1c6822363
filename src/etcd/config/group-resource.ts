// Names of resources in an EncryptionConfiguration: `secrets`, `widgets.example.com`, `*.apps`, `*.` and `*.*`.

export interface GroupResource {
  /** Empty for the core group; `*` for all groups. */
  readonly group: string;
  /** `secrets`; `*` for all of the group. */
  readonly plural: string;
}

/** The group begins behind the first dot; every text is a name of something (k8s.io/apimachinery, ParseGroupResource). */
export function groupResourceOf(name: string): GroupResource {
  const dot = name.indexOf('.');
  return dot < 0 ? { group: '', plural: name } : { group: name.slice(dot + 1), plural: name.slice(0, dot) };
}

/** As a configuration names it. */
export function nameOf({ group, plural }: GroupResource): string {
  return group === '' && plural !== '*' ? plural : `${plural}.${group}`;
}

export function isSame(one: GroupResource, other: GroupResource): boolean {
  return one.group === other.group && one.plural === other.plural;
}

export const everything: GroupResource = { group: '*', plural: '*' };

export function isEverything(resource: GroupResource): boolean {
  return isSame(resource, everything);
}
