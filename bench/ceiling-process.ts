// The bare server's process: takes the answer over its channel, says where it listens, and answers.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CannedAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: string;
}

process.once('message', ({ status, headers, body }: CannedAnswer) => {
  const sent = [...headers];
  const server = createServer({ noDelay: true, keepAliveTimeout: 300_000 }, (request, response) => {
    const answer = () => response.writeHead(status, sent).end(body);
    if (request.method === 'GET') answer();
    // What was sent is read, as whoever handles it would have to.
    else request.resume().on('end', answer);
  });
  server.listen(0, '127.0.0.1', () => {
    const { address, port } = server.address() as AddressInfo;
    process.send?.({ host: address, port });
  });
});
process.on('disconnect', () => process.exit());
