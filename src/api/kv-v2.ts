// KV version 2: versions, check-and-set, soft deletion and metadata.

import { contract } from '../schema/contract.ts';
import { any, bool, duration, integer, integers, map, pairs, text, texts, time } from '../schema/fields.ts';

const path = text('Where the secret lies');
const version = integer('Which version; 0 is the newest');

const versionMetadata = {
  version: integer('Number of the version'),
  created_time: time('When it was written'),
  deletion_time: time('When it is or was deleted; empty for never'),
  destroyed: bool('Whether its data is gone for good'),
  custom_metadata: pairs('Of the secret, not of the version'),
} as const;

const writeInput = {
  data: map('The secret: an object'),
  options: map('`cas`: the version that must be the newest; 0 for a secret that must not exist'),
} as const;

const settings = {
  max_versions: integer('How many versions are kept; 0 for the default of 10'),
  cas_required: bool('Whether each write must name the version that it follows'),
  delete_version_after: duration('How long a version lives after it was written; 0 for ever'),
} as const;

const settingsOutput = {
  max_versions: integer('How many versions are kept; 0 for the default of 10'),
  cas_required: bool('Whether each write must name the version that it follows'),
  delete_version_after: text('Go duration'),
  metadata_cas_required: bool('Always false'),
} as const;

const metadataInput = { ...settings, custom_metadata: any('Up to 64 strings by name') } as const;

const someVersions = (what: string) => ({
  summary: `${what} versions of a secret.`,
  help: `${what}s the versions that are named and leaves the others as they are.`,
  fields: { path },
  operations: { write: { summary: `${what} versions.`, input: { versions: integers('Numbers of the versions') } } },
});

const misplaced = { summary: 'Explain which path to use instead.', output: {} } as const;

export const kvV2 = contract({
  name: 'kv',
  description: 'Keeps secrets with their versions.',
  routes: {
    config: {
      path: 'config',
      summary: 'Settings of all secrets of this mount.',
      help: 'A secret may have stricter settings in its metadata.',
      fields: {},
      operations: {
        read: { summary: 'Read the settings.', output: settingsOutput },
        write: { summary: 'Change the settings that are given.', input: settings },
      },
    },
    data: {
      path: 'data/{path...}',
      summary: 'A secret: its newest version, or an older one.',
      help: 'Each write makes a version. Deleting hides the newest version and keeps its data, so that it can be undeleted.',
      fields: { path },
      exists: true,
      operations: {
        read: {
          summary: 'Read a version.',
          input: { version },
          output: { data: map('The secret; null when the version is deleted'), metadata: map('Of the version') },
        },
        write: { summary: 'Write a new version.', input: { ...writeInput, version }, output: versionMetadata },
        patch: {
          summary: 'Write a new version that differs in the given keys (RFC 7396).',
          input: { ...writeInput, version },
          output: versionMetadata,
        },
        delete: { summary: 'Delete the newest version; it can be undeleted.' },
      },
    },
    delete: { path: 'delete/{path...}', ...someVersions('Delete') },
    undelete: { path: 'undelete/{path...}', ...someVersions('Undelete') },
    destroy: { path: 'destroy/{path...}', ...someVersions('Destroy') },
    subkeys: {
      path: 'subkeys/{path...}',
      summary: 'The keys of a secret without their values.',
      help: 'Shows the structure of a secret to those who may not see its values.',
      fields: { path },
      operations: {
        read: {
          summary: 'Read the keys.',
          input: { version, depth: integer('How many levels to show; 0 for all') },
          output: { subkeys: map('Keys, with null for values'), metadata: map('Of the version') },
        },
      },
    },
    metadata: {
      path: 'metadata/{path...}',
      summary: 'Settings and versions of a secret, or names below a path.',
      help: 'Deleting the metadata deletes the secret with all its versions, for good.',
      fields: { path },
      exists: true,
      operations: {
        read: {
          summary: 'Read settings and versions.',
          output: {
            ...settingsOutput,
            versions: map('Metadata by number'),
            current_version: integer('The newest version'),
            oldest_version: integer('The oldest version that is kept'),
            created_time: time('When the secret was first written'),
            updated_time: time('When it was last written'),
            custom_metadata: pairs('Strings by name'),
            current_metadata_version: integer('Counts the writes of the metadata'),
          },
        },
        write: { summary: 'Change the settings that are given.', input: metadataInput },
        patch: { summary: 'Change settings, custom metadata key by key (RFC 7396).', input: metadataInput },
        delete: { summary: 'Delete the secret with all its versions.' },
        list: { summary: 'List names; those that end in / have more below.', output: { keys: texts('Names') } },
        scan: { summary: 'List all secrets below, on all levels.', output: { keys: texts('Paths below this one') } },
      },
    },
    misplaced: {
      path: '{path...}',
      summary: 'Paths of version 1, which this engine does not have.',
      help: 'Answers with a warning that names the right command.',
      fields: { path },
      arbitrary: true,
      operations: { read: misplaced, write: misplaced, patch: misplaced, delete: misplaced, list: misplaced, scan: misplaced },
    },
  },
});
