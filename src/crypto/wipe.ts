// What wiping can mean here: the bytes of buffers that we own. Strings and copies inside the runtime are out of reach.

export function wipe(...buffers: readonly Uint8Array[]): void {
  for (const buffer of buffers) buffer.fill(0);
}
