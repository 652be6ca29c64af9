// Sign-in through further identity providers that others wrote, step by step over HTTP: glewlwyd and LemonLDAP::NG of Debian, and
// oidc-provider-mock of PyPI. Each is tried out, signs a user in, and vouches for the user in the background.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const port = await freePort();
const url = `http://localhost:${port}`;
const children = [];
let server;
process.on('exit', () => { children.forEach(child => child.kill('SIGTERM')); if (server) { writeFileSync(join(output, 'more-providers-server.log'), server.log()); server.stop(); } });
const start = (command, args, name, ready) => new Promise((done, fail) => {
  const child = spawn(command, args, { cwd: here });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk; writeFileSync(join(output, `${name}.log`), text); if (ready.test(text)) done(); });
  child.on('exit', code => fail(new Error(`${name} ended with ${code}: ${text}`)));
});

// A browser: cookies by host, redirects one at a time.
const browser = () => {
  const jar = new Map();
  return async (address, options = {}) => {
    const { host } = new URL(address);
    const held = jar.get(host.split(':')[0]) ?? new Map();
    jar.set(host.split(':')[0], held);
    const cookie = [...held].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(address, { redirect: 'manual', ...options, headers: { accept: 'text/html', ...(cookie && { cookie }), ...options.headers } });
    for (const line of answer.headers.getSetCookie()) { const [name, ...value] = line.split(';')[0].split('='); held.set(name.trim(), value.join('=')); }
    const location = answer.headers.get('location');
    return { status: answer.status, text: await answer.text(), location: location && new URL(location, address).href };
  };
};
const form = fields => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() });
const asJson = (method, body) => ({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const PROVIDERS = [
  {
    name: 'forge', title: 'glewlwyd', user: 'Gwen Forge', path: '/api/oidc', secret: 's3:cret+of/forge&=', settings: { CLAIM_USERNAME: 'name', TRUST_EMAIL: 'true', TOKEN_AUTH_METHOD: 'client_secret_post' }, // It does not decode Basic credentials.
    start: at => start(process.execPath, ['providers/glewlwyd.mjs', String(at), url], 'glewlwyd', /^ready/m),
    // Its pages are an application of JavaScript over this API.
    signIn: async (go, at, away) => {
      await go(`http://127.0.0.1:${at}/api/auth/`, asJson('POST', { username: 'gwen', password: 'correct horse battery' }));
      await go(`http://127.0.0.1:${at}/api/auth/grant/doorward`, asJson('PUT', { scope: 'openid profile email' }));
      return (await go(`${away}&g_continue=`)).location;
    },
  },
  {
    name: 'lemon', title: 'LemonLDAP::NG', user: 'Doctor Who', path: '', secret: 'lemon-s3cret', settings: { SCOPES: 'openid,profile,email,offline_access' },
    start: at => start(process.execPath, ['providers/lemonldap.mjs', String(at), url], 'lemonldap', /^ready/m),
    signIn: async (go, at, away) => {
      await go(`http://127.0.0.1:${at}/`, form({ user: 'dwho', password: 'dwho' }));
      return (await go(away)).location;
    },
  },
  {
    name: 'mock', title: 'oidc-provider-mock', user: 'Mo Ck', path: '', secret: 'any', settings: { TRUST_EMAIL: 'true' },
    start: at => start(join(here, '.venv-providers/bin/python'), ['-m', 'oidc_provider_mock', '--port', String(at), '--user-claims', JSON.stringify({ sub: 'mo', name: 'Mo Ck', email: 'mo@mock.example', preferred_username: 'mo', updated_at: '2026-01-02T03:04:05.678Z', address: 'one line' })], 'oidc-provider-mock', /running on/i),
    signIn: async (go, at, away) => (await go(away, form({ sub: 'mo' }))).location,
  },
];
const REFRESH_SECONDS = 60;
const env = { DOORWARD_STORE__HOUSEKEEPING_SECONDS: '1', DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '600' };
for (const provider of PROVIDERS) {
  provider.port = await freePort();
  await provider.start(provider.port);
  const settings = { KIND: 'oidc', NAME: provider.title, ISSUER: `http://127.0.0.1:${provider.port}${provider.path}`, CLIENT_ID: 'doorward', CLIENT_SECRET: provider.secret, NETWORKS: '127.0.0.0/8', REFRESH_SECONDS, ...provider.settings };
  for (const [key, value] of Object.entries(settings)) env[`DOORWARD_PROVIDERS__${provider.name.toUpperCase()}__${key}`] = String(value);
}
server = await startServer(env, ['--listen', `127.0.0.1:${port}`, '--public-url', url]);
for (const provider of PROVIDERS) {
  const said = server.cli('provider', 'test', provider.name, '--public-url', url);
  check(!said.includes('WRONG') && /ok +clock/.test(said), `${provider.title}: doorward provider test finds nothing wrong`);
  const go = browser();
  const away = await go(`${url}/login/${provider.name}`);
  check(away.status === 303, `${provider.title}: the browser is sent there`);
  const back = await provider.signIn(go, provider.port, away.location);
  check(back?.startsWith(`${url}/login/${provider.name}/callback?`), `${provider.title}: it sends the browser back`);
  const arrived = await go(back);
  if (arrived.status !== 303) throw new Error(`${provider.title}: ${arrived.status} ${arrived.text}\n${server.log().split('\n').slice(-20).join('\n')}`);
  const page = await go(`${url}/account`);
  check(page.status === 200 && page.text.includes(provider.user), `${provider.title}: ${provider.user} is signed in`);
}
const begun = Date.now();
const confirmed = () => [...server.log().matchAll(/were checked confirmed=(\d+)/g)].reduce((sum, [, some]) => sum + Number(some), 0);
while (confirmed() < PROVIDERS.length) {
  if (Date.now() - begun > (REFRESH_SECONDS + 30) * 1000) throw new Error(`${confirmed()} of ${PROVIDERS.length} accounts were confirmed in the background\n${server.log().split('\n').filter(line => /account|provider/.test(line)).slice(-20).join('\n')}`);
  await sleep(1);
}
check(!/could not be checked|access ends/.test(server.log()), `each of them vouches for its user in the background (refresh every ${REFRESH_SECONDS} s)`);
console.log(`\n${count.passed} passed, 0 failed`);
process.exit(0);
