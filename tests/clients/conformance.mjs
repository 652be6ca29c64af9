// The official conformance suite against the release binary, through the real pages where the suite
// needs a user.
import { spawn } from 'node:child_process';
import { createServer, request as httpRequest } from 'node:http';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const node22 = join(here, 'node_modules/node/bin/node');
const suite = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const output = join(here, '../output');
mkdirSync(output, { recursive: true });

// Runs the suite and calls `heard` with everything that it has printed so far.
function run(args, heard = () => {}) {
  return new Promise(done => {
    const child = spawn(node22, [suite, ...args], { cwd: here });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk; heard(text); });
    child.on('exit', code => done({ code, text }));
  });
}

// Adds the token that the suite has no option for, and leaves everything else as it is.
function injectingProxy(target, token) {
  const proxy = createServer((incoming, answer) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${token()}` };
    const outgoing = httpRequest(new URL(incoming.url, target), { method: incoming.method, headers }, back => {
      answer.writeHead(back.statusCode, back.headers);
      back.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  return new Promise(ready => proxy.listen(0, '127.0.0.1', () => ready(proxy)));
}

const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600' });
server.cli('user', 'add', 'alice', '--password-stdin', '--keep-password');
const human = new Human(server.url, 'alice', 'correct horse battery');
let [passed, failed] = [0, 0];
const report = (ok, what, text) => {
  if (ok) passed += 1; else failed += 1;
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}`);
  if (!ok) console.log(text);
};

const client = JSON.parse(server.cli('--json', 'client', 'add', 'Conformance suite', '--redirect-uri', 'http://127.0.0.1:18932/callback', '--redirect-uri', 'http://localhost:18932/callback'));
let followed = false;
const authorization = await run(['authorization', '--url', server.url, '--client-id', client.client_id, '--resource', `${server.url}/mcp`, '-p', '18932', '-o', join(output, 'conformance-authorization')], text => {
  const found = text.match(/https?:\/\/\S+\/oauth\/authorize\?\S+/);
  if (found && !followed) {
    followed = true;
    human.authorize(found[0]).then(back => fetch(back)).catch(error => console.log(error));
  }
});
writeFileSync(join(output, 'conformance-authorization.log'), authorization.text);
report(authorization.code === 0 && followed, `authorization suite: ${authorization.text.match(/\d+[^\n]*(?:passed|checks)[^\n]*/gi)?.at(-1) ?? ''}`, authorization.text);

const granted = await tokens(server, human);
const proxy = await injectingProxy(server.url, () => granted.access_token);
const url = `http://127.0.0.1:${proxy.address().port}/mcp`;
for (const revision of ['2026-07-28', '2025-11-25']) {
  const result = await run(['server', '--url', url, '--requirements', revision, '--expected-failures', join(here, `conformance-${revision}.yml`), '-o', join(output, `conformance-server-${revision}`)]);
  writeFileSync(join(output, `conformance-server-${revision}.log`), result.text);
  report(result.code === 0, `server suite ${revision}: ${result.text.match(/Total:[^\n]*/g)?.at(-1) ?? ''}`, result.text.split('\n').slice(-60).join('\n'));
}
proxy.close();
server.stop();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
