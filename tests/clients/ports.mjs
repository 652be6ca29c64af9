import { createServer } from 'node:net';

// A port of this machine that nothing listens on.
export async function freePort() {
  const probe = createServer();
  await new Promise(ready => probe.listen(0, '127.0.0.1', ready));
  const { port } = probe.address();
  await new Promise(done => probe.close(done));
  return port;
}
