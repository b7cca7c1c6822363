// sys/config/cors: which pages of other origins browsers let read our answers.

import { contract } from '../schema/contract.ts';
import { bool, commas } from '../schema/fields.ts';

export const sysCors = contract({
  name: 'system',
  description: 'Cross-origin access.',
  routes: {
    cors: {
      path: 'config/cors',
      summary: 'Cross-origin access.',
      help: 'Until it is set, browsers let no page of another origin read an answer. Once it is, requests of origins that are not named are refused.',
      fields: {},
      sudo: true,
      injected: true,
      operations: {
        read: {
          summary: 'Read the setting.',
          output: {
            enabled: bool('Whether any other origin is answered'),
            allowed_origins: commas('Origins, or * alone'),
            allowed_headers: commas('Headers that pages may send'),
            allow_credentials: bool('Whether browsers send client certificates and cookies along'),
          },
        },
        write: {
          summary: 'Allow origins.',
          input: {
            allowed_origins: commas('Origins such as https://console.example.com, or * alone'),
            allowed_headers: commas('Headers that pages may send, beside those of the API'),
            allow_credentials: bool('Whether browsers send client certificates and cookies along; not with *'),
          },
        },
        delete: { summary: 'Allow no other origin.' },
      },
    },
  },
});
