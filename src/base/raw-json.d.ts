// Declares JSON.rawJSON and JSON.isRawJSON, which the runtime has and TypeScript's library does not know yet.

interface JSON {
  rawJSON(text: string): { readonly rawJSON: string };
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}
