// The official conformance suite through the gateway: its fixture server is the upstream, in each
// era, and the suite speaks each era.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { startServer } from './run.mjs';
import { startFixture } from './gateway/fixture.mjs';
import { tokens } from './tokens.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const suite = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const run = args => new Promise(done => {
  const child = spawn(process.execPath, [suite, ...args], { cwd: here });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk; });
  child.on('exit', code => done({ code, text }));
});

const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600' });
server.cli('user', 'add', 'alice', '--password-stdin', '--keep-password');
const human = new Human(server.url, 'alice', 'correct horse battery');
const fixtures = { legacy: await startFixture('legacy'), modern: await startFixture('modern') };
for (const [era, fixture] of Object.entries(fixtures)) server.cli('upstream', 'add', era, '--kind', 'http', '--url', fixture.url, '--set', 'networks=127.0.0.0/8', '--set', 'http_on_loopback=true', '--set', 'capabilities=elicitation,sampling,roots');

// A running server sees within a second what a command did.
await new Promise(done => setTimeout(done, 1500));

let [passed, failed] = [0, 0];
for (const [era, revision] of [['legacy', '2025-11-25'], ['modern', '2026-07-28']]) {
  const { access_token } = await tokens(server, human, { resource: `${server.url}/mcp/${era}`, scope: 'mcp:destructive' });
  // The suite has no option for a token.
  const proxy = createServer((incoming, answer) => {
    const headers = { ...incoming.headers, authorization: `Bearer ${access_token}` };
    const outgoing = httpRequest(new URL(`/mcp/${era}`, server.url), { method: incoming.method, headers }, back => { answer.writeHead(back.statusCode, back.headers); back.pipe(answer); });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise(ready => proxy.listen(0, '127.0.0.1', ready));
  for (const [what, url] of [['through the gateway', `http://127.0.0.1:${proxy.address().port}/mcp`]]) {
    const only = process.argv[2] ? ['--scenario', process.argv[2], '--spec-version', revision, '--verbose'] : ['--requirements', revision];
    const { code, text } = await run(['server', '--url', url, ...only, '--expected-failures', 'gateway/expected.yml']);
    writeFileSync(join(output, `gateway-conformance-${era}-${what.replaceAll(' ', '-')}.log`), text);
    const total = text.match(/Total: .*/)?.[0] ?? text.split('\n').slice(-3).join(' ');
    if (code === 0) passed += 1; else failed += 1;
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${revision}, ${what}: ${total}`);
    if (code !== 0) console.log(text.split('\n').slice(-60).join('\n'));
  }
  proxy.close();
}
writeFileSync(join(output, 'gateway-conformance-server.log'), server.log());
server.stop();
for (const fixture of Object.values(fixtures)) fixture.stop();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
