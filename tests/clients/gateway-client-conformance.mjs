// The official client conformance suite against our upstream side: the suite's servers become upstreams, one after the other.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { startFront } from './gateway/front.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const suite = join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const binary = resolve(process.env.DOORWARD_BINARY ?? join(here, '../../target/debug/doorward'));
const port = await freePort();
const [local, publicUrl] = [`http://127.0.0.1:${port}`, 'https://doorward.example'];
// The identity provider of enterprise-managed authorization.
const front = await startFront('doorward');
const provider = { KIND: 'oidc', NAME: 'Corp', ISSUER: front.issuer, CLIENT_ID: 'doorward', CLIENT_SECRET: 'secret', NETWORKS: '127.0.0.0/8' };
const corp = Object.fromEntries(Object.entries(provider).map(([key, value]) => [`DOORWARD_PROVIDERS__CORP__${key}`, value]));
const settings = { ...corp, DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '7200', DOORWARD_SERVER__ALLOWED_HOSTS: `127.0.0.1:${port}`, DOORWARD_SERVER__PUBLIC_URL: publicUrl };
const server = await startServer(settings, ['--listen', `127.0.0.1:${port}`]);
server.cli('user', 'add', 'alice', '--password-stdin', '--keep-password');
const real = globalThis.fetch;
globalThis.fetch = (address, init) => real(String(address).replace(publicUrl, local), init);
const jar = join(mkdtempSync(join(tmpdir(), 'jar-')), 'jar');
const { access_token } = await tokens(server, new Human(publicUrl, 'alice', 'correct horse battery', jar), { scope: 'mcp:destructive', resource: `${publicUrl}/mcp` });
const employee = new Human(publicUrl);
const away = await employee.fetch(`${publicUrl}/login/corp`);
const back = await real(away.location, { redirect: 'manual' });
const arrived = await employee.fetch(back.headers.get('location'));
if (arrived.status !== 303) throw new Error(`signing in through the provider answered ${arrived.status}: ${arrived.html}`);
const asserted = await tokens(server, employee, { scope: 'mcp:destructive', resource: `${publicUrl}/mcp` });
const env = { ...process.env, DRIVER: JSON.stringify({ local, publicUrl, binary, data: server.data, token: access_token, front: front.issuer, asserted: asserted.access_token, jar, env: { PATH: process.env.PATH, ...settings } }) };

let [passed, failed] = [0, 0];
const revisions = process.argv[2] ? [[process.argv[3] ?? '2026-07-28', ['--scenario', process.argv[2], '--spec-version', process.argv[3] ?? '2026-07-28', '--force', '--verbose']]] : ['2025-11-25', '2026-07-28'].map(revision => [revision, ['--requirements', revision, '--expected-failures', 'gateway/expected-client.yml']]);
// Scenarios of extensions are part of no revision: each is run by its name.
const extensions = ['enterprise-managed-authorization', 'client-credentials-basic', 'client-credentials-jwt', 'wif-jwt-bearer', 'dpop', 'dpop-nonce'];
if (!process.argv[2]) revisions.push(...extensions.map(name => [name, ['--scenario', `auth/${name}`, '--verbose']]));
for (const [revision, args] of revisions) {
  const child = spawn(process.execPath, [suite, 'client', '--command', `${process.execPath} ${join(here, 'gateway/client-driver.mjs')}`, ...args], { cwd: here, env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk; });
  const code = await new Promise(done => child.on('exit', done));
  writeFileSync(join(output, `gateway-client-conformance-${revision}.log`), text);
  if (code === 0) passed += 1; else failed += 1;
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${revision}: ${text.match(/Total: .*/)?.[0] ?? ''}`);
  if (code !== 0 || process.argv[2]) console.log(text.split('\n').slice(process.argv[2] ? -260 : -80).join('\n'));
}
writeFileSync(join(output, 'gateway-client-server.log'), server.log());
server.stop();
front.stop();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
