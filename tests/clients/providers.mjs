// Single sign-on in real Chromium through identity providers of other projects, from an MCP
// client's authorization to its first tool call; signing out on both sides; losing a role and an
// account at the provider; and passkeys with Chromium's virtual authenticator.
import { chromium } from 'playwright-core';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const REFRESH_SECONDS = 60;

const [port, corpPort, navyPort] = [await freePort(), await freePort(), await freePort()];
const url = `http://localhost:${port}`;

const children = [];
const start = (command, args, name) => new Promise((ready, fail) => {
  const child = spawn(command, args, { cwd: here });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += chunk; writeFileSync(join(output, `${name}.log`), text); if (/^ready/m.test(text)) ready(); });
  child.on('exit', code => fail(new Error(`${name} ended with ${code}: ${text}`)));
});
let server;
process.on('exit', () => { children.forEach(child => child.kill('SIGKILL')); if (server) { writeFileSync(join(output, 'providers-server.log'), server.log()); server.stop(); } });
await start(process.execPath, ['providers/oidc.mjs', String(corpPort), url], 'oidc-provider');
await start(join(here, '.venv-providers/bin/python'), ['providers/canaille_provider.py', String(navyPort), url], 'canaille');

// One provider by the environment, as a container would have it, and one by command.
const provider = (name, more) => Object.fromEntries(Object.entries({ KIND: 'oidc', ISSUER: `http://127.0.0.1:${corpPort}`, CLIENT_ID: 'door/ward:1', CLIENT_SECRET: 'a b:c/d+e&f=g%', NETWORKS: '127.0.0.0/8', ...more }).map(([key, value]) => [`DOORWARD_PROVIDERS__${name}__${key}`, String(value)]));
server = await startServer({
  ...provider('CORP', { NAME: 'Corp', ROLES: 'groups = engineering -> developer', HOME_DOMAINS: 'corp.example', SECOND_FACTOR: 'never', REFRESH_SECONDS }),
  ...provider('POSTED', { NAME: 'Corp by form', RESPONSE_MODE: 'form_post', CLIENT_ID: 'keyed', CLIENT_SECRET: '', TOKEN_AUTH_METHOD: 'private_key_jwt' }),
  DOORWARD_ACCESS__SCOPE_ROLES: 'mcp:write = developer',
  DOORWARD_STORE__HOUSEKEEPING_SECONDS: '1',
  DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '600',
}, ['--listen', `127.0.0.1:${port}`, '--public-url', url]);
check(server.url === url, `the server is ${url}`);
server.cliWith('s3:cret+with/odd&chars=', 'provider', 'add', 'navy', '--kind', 'oidc', '--client-id', 'doorward', '--client-secret-stdin', '--issuer', `http://127.0.0.1:${navyPort}`, '--set', 'name=Navy', '--set', 'networks=127.0.0.0/8', '--set', 'scopes=openid,profile,email,groups', '--set', 'trust_email=true', '--set', 'roles=groups = admirals -> developer', '--public-url', url);
server.cli('user', 'add', 'alice', '--password-stdin', '--keep-password', '--role', 'developer');
for (const name of ['corp', 'navy']) {
  const said = server.cli('provider', 'test', name, '--public-url', url);
  const findings = said.trim().split('\n');
  check(findings.length >= 5 && findings.every(line => line.startsWith('ok')), `doorward provider test ${name} finds nothing wrong: ${said}`);
}
check(/ok +provider navy/.test(server.cli('doctor', '--public-url', url)), 'doorward doctor looks at providers');

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const complaints = [];
const open = async options => {
  const context = await browser.newContext({ viewport: { width: 1000, height: 860 }, ...options });
  const page = await context.newPage();
  page.on('console', message => { if (message.type() === 'error' && page.url().startsWith(url)) complaints.push(`${page.url().split('?')[0]}: ${message.text()}`); });
  page.shot = name => page.screenshot({ path: join(output, `${name}.png`), fullPage: true });
  return page;
};

// An MCP client: the unmodified TypeScript SDK. `user` acts as the user in the browser.
const answers = createServer((request, response) => { response.setHeader('content-type', 'text/html'); response.end('<title>Done</title>You may close this window.'); });
await new Promise(ready => answers.listen(0, '127.0.0.1', ready));
const callback = `http://127.0.0.1:${answers.address().port}/callback`;
async function connect(name, page, user) {
  const memory = {};
  const authProvider = {
    redirectUrl: callback,
    clientMetadata: { client_name: name, redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none', scope: 'mcp:read mcp:write' },
    clientInformation: () => memory.client, saveClientInformation: client => { memory.client = client; },
    tokens: () => memory.tokens, saveTokens: tokens => { memory.tokens = tokens; },
    redirectToAuthorization: to => { memory.to = to; }, saveCodeVerifier: verifier => { memory.verifier = verifier; }, codeVerifier: () => memory.verifier,
  };
  const attempt = async () => { const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { authProvider }); const client = new Client({ name, version: '1' }); try { await client.connect(transport); return { client, transport }; } catch (error) { if (!(error instanceof UnauthorizedError)) throw error; return { transport }; } };
  const first = await attempt();
  if (first.client) throw new Error('connected without authorization');
  await page.goto(memory.to.href);
  await user(page);
  await page.getByRole('heading', { name: new RegExp(`May ${name} act`) }).waitFor();
  await page.shot(`consent-${name.toLowerCase().replaceAll(' ', '-')}`);
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(/callback\?code=/);
  await first.transport.finishAuth(new URL(page.url()).searchParams.get('code'));
  const { client } = await attempt();
  const whoami = async () => (await client.callTool({ name: 'whoami', arguments: {} })).structuredContent;
  return { client, whoami, tokens: () => memory.tokens };
}

// npm oidc-provider.
const atCorp = async (page, login = 'ada') => {
  await page.locator('input[name=login]').fill(login);
  await page.locator('input[name=password]').fill('whatever');
  await page.locator('button[type=submit]').click();
  // Its own consent page.
  await page.getByRole('button', { name: 'Continue' }).click();
};
const ada = await open();
const corp = await connect('Corp client', ada, async page => {
  await page.shot('login-with-providers');
  await page.getByRole('link', { name: 'Continue with Corp', exact: true }).click();
  await atCorp(page);
});
const me = await corp.whoami();
check(me.name === 'ada' && me.display_name === 'Ada <b>Lovelace</b>' && me.email === 'ada@corp.example', 'oidc-provider: from the client\'s authorization to the first tool call');
check(me.roles.includes('developer'), 'oidc-provider: a group there is a role here');
const call = async (client, name, args) => { const answer = await fetch(`${url}/mcp`, { method: 'POST', headers: { authorization: `Bearer ${client.tokens().access_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }) }); return { status: answer.status, text: await answer.text() }; };
check((await call(corp, 'revoke_connected_app', { client_id: 'c_none' })).text.includes('insufficient_scope'), 'oidc-provider: with the role, a tool that writes asks for its scope');
check(me.identities[0].provider === 'corp', 'oidc-provider: the tool tells through which provider');
await ada.goto(`${url}/account/security`);
await ada.shot('security-federated');
// A device of the virtual kind, and a passkey on it.
const device = async page => { const devices = await page.context().newCDPSession(page); await devices.send('WebAuthn.enable'); await devices.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } }); };
const addPasskey = async (page, name) => { await page.goto(`${url}/account/security`); await page.getByLabel('Name of the new passkey').fill(name); await page.getByRole('button', { name: 'Add a passkey' }).click(); await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor(); };
await device(ada);
await addPasskey(ada, 'Company phone');

// The same provider, answering by a form of its own page: the cookies must come along.
const posted = await open();
await posted.goto(`${url}/login`);
await posted.getByRole('link', { name: 'Continue with Corp by form' }).click();
await atCorp(posted, 'bob');
await posted.waitForURL(`${url}/account`);
check(await posted.getByRole('heading', { name: 'Hello, Bob' }).isVisible(), 'oidc-provider: response_mode=form_post comes home in Chromium, with private_key_jwt by our own published keys and PS256');

// By the e-mail address that a user types: a form of Doorward leads to another origin, over a page
// that continues automatically.
const typed = await open();
await typed.goto(`${url}/login`);
await typed.getByLabel('Your work e-mail address').fill('bob@corp.example');
await typed.getByRole('button', { name: 'Find my sign-in page' }).click();
await atCorp(typed, 'bob');
await typed.waitForURL(`${url}/account`);
await typed.goBack().catch(() => {});
await typed.goto(`${url}/account`);
check(await typed.getByRole('heading', { name: 'Hello, Bob' }).isVisible(), 'home-realm discovery leads to the provider in Chromium, and the back button does no harm');

// Canaille.
const grace = await open();
const atNavy = async page => {
  await page.locator('input[name=login]').fill('grace');
  await page.locator('button[type=submit], input[type=submit]').first().click();
  await page.locator('input[name=password]').fill('correct horse battery');
  await page.locator('button[type=submit], input[type=submit]').first().click();
  const accept = page.locator('button[name=answer][value=accept]');
  await Promise.race([accept.waitFor().then(() => accept.click()), page.waitForURL(to => to.href.startsWith(url))]);
};
const navy = await connect('Navy client', grace, async page => {
  await page.getByRole('link', { name: 'Continue with Navy' }).click();
  await atNavy(page);
});
const hopper = await navy.whoami();
check(hopper.email === 'grace@navy.example' && hopper.roles.includes('developer'), `Canaille: from the client's authorization to the first tool call, as ${hopper.name}`);

// Signing out: at the provider, which notifies Doorward (back-channel logout) …
const second = await open();
await second.goto(`${url}/login`);
await second.getByRole('link', { name: 'Continue with Corp', exact: true }).click();
await atCorp(second);
await second.waitForURL(`${url}/account`);
await second.goto(`http://127.0.0.1:${corpPort}/session/end`);
const left = Date.now();
await second.getByRole('button', { name: /yes, sign me out/i }).click();
let ended;
for (;;) {
  await second.goto(`${url}/account`);
  if (second.url().includes('/login')) { ended = Date.now() - left; break; }
  if (Date.now() - left > 20_000) throw new Error('the session did not end');
}
check(true, `back-channel logout ended the session ${ended} ms after the button was pressed at the provider`);
check((await corp.whoami()).name === 'ada', 'back-channel logout leaves connected apps alone unless configured otherwise');
// … and here, with the way out there.
await second.goto(`${url}/login`);
await second.getByRole('link', { name: 'Continue with Corp', exact: true }).click();
await atCorp(second);
await second.waitForURL(`${url}/account`);
await second.getByRole('button', { name: 'Sign out' }).click();
await second.getByRole('button', { name: 'Sign out at Corp' }).waitFor();
await second.shot('signed-out');
await second.getByRole('button', { name: 'Sign out at Corp' }).click();
await second.getByRole('button', { name: /yes, sign me out/i }).click();
await second.waitForURL(new RegExp(`^${url}/logout`));
check(await second.getByRole('heading', { name: 'You are signed out' }).isVisible(), 'RP-initiated logout comes back to our own page');

// A role lost there is lost here at the next silent refresh, on the very next call.
const told = (method, name, body) => fetch(`http://127.0.0.1:${corpPort}/test/accounts/${name}`, { method, body: JSON.stringify(body ?? {}) });
const until = async (what, holds, most) => { const begun = Date.now(); for (;;) { if (await holds()) { const took = (Date.now() - begun) / 1000; check(true, `${what} after ${took.toFixed(1)} s (refresh every ${REFRESH_SECONDS} s)`); return; } if (Date.now() - begun > most * 1000) throw new Error(`failed: ${what} within ${most} s`); await sleep(0.5); } };
await told('PUT', 'ada', { groups: [] });
await until('a role lost at the provider is lost here', async () => !(await corp.whoami()).roles.includes('developer'), REFRESH_SECONDS + 15);
const refused = await call(corp, 'revoke_connected_app', { client_id: 'c_none' });
check(refused.status === 403 && refused.text.includes('forbidden_by_role'), 'the tool that needed the role is refused on the next call, and no scope is asked for');
await told('DELETE', 'ada');
const alive = async () => (await call(corp, 'whoami', {})).status !== 401;
await until('a user removed at the provider has no access here', async () => !(await alive()), REFRESH_SECONDS + 15);

await ada.goto(`${url}/login`);
await ada.getByRole('button', { name: 'Sign in with a passkey' }).click();
await ada.getByText('The passkey was not accepted').waitFor();
check(true, 'their passkey does not let them in either: the account hangs on the provider');

// Passkeys, with Chromium's virtual authenticator.
const alice = await open();
await device(alice);
await alice.goto(`${url}/login`);
await alice.getByLabel('Name').fill('alice');
await alice.getByLabel('Password').fill('correct horse battery');
await alice.getByRole('button', { name: 'Sign in', exact: true }).click();
await alice.waitForURL(`${url}/account`);
await addPasskey(alice, 'Test laptop');
await alice.shot('recovery-codes');
await alice.getByRole('link', { name: /I have stored them/ }).click();
check(await alice.getByText('Test laptop').isVisible(), 'a passkey is added with the virtual authenticator');
await alice.getByText('Set up an authenticator app').click();
await alice.shot('security');
await alice.getByRole('button', { name: 'Sign out' }).click();
await alice.getByRole('heading', { name: 'You are signed out' }).waitFor();
const keyed = await connect('Passkey client', alice, async page => {
  await page.shot('login-with-passkey');
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
});
const key = await keyed.whoami();
check(key.name === 'alice' && key.signed_in.methods.includes('swk') && key.signed_in.level.endsWith('multi-factor'), 'a passkey alone leads from the client\'s authorization to the first tool call, and counts as two factors');
// As the second factor after a password.
await alice.goto(`${url}/login?switch=1`);
await alice.getByLabel('Name').fill('alice');
await alice.getByLabel('Password').fill('correct horse battery');
await alice.getByRole('button', { name: 'Sign in', exact: true }).click();
await alice.getByRole('heading', { name: /Verify your second factor/ }).waitFor();
await alice.shot('second-factor');
await alice.getByRole('button', { name: 'Use a passkey' }).click();
await alice.waitForURL(`${url}/account`);
check(true, 'a passkey is a second factor after the password');
// Linking, by the user's own confirmation.
await alice.goto(`${url}/account/security`);
await alice.getByRole('link', { name: 'Link Corp', exact: true }).click();
await atCorp(alice, 'bob');
await alice.waitForURL(/\/login\/welcome/);
await alice.shot('link-in-use');
await alice.getByRole('button', { name: 'Link accounts' }).click();
check(await alice.getByText('is linked to another user').isVisible(), 'an account that is linked to another user here is not linked');
await alice.goto(`${url}/account/security`);
await alice.getByRole('link', { name: 'Link Navy' }).click();
await atNavy(alice);
await alice.waitForURL(/\/login\/welcome/);
check(/belongs|Link Navy to alice/.test(await alice.locator('main').innerText()), 'coming back alone links nothing: the page asks');
// Dark, on a phone.
const phone = await open({ colorScheme: 'dark', viewport: { width: 390, height: 844 } });
await phone.goto(`${url}/login`);
await phone.shot('login-with-providers-dark-phone');
await phone.goto(`${url}/login/corp/callback?state=unknown`);
await phone.shot('sign-in-over-phone');
complaints.splice(0, complaints.length, ...complaints.filter(text => !/40[0134]|favicon/.test(text)));
check(complaints.length === 0, `Chromium has nothing to complain about${complaints.map(text => `\n  ${text}`).join('')}`);
const leaked = server.log().match(/s3:cret|a b:c\/d|dw_(ac|rt|se|cs|ln|st)_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+\./);
check(!leaked, `no secret in ${server.log().split('\n').length} lines of log at level debug${leaked ? `: ${leaked[0].slice(0, 12)}…` : ''}`);
await browser.close();
server.stop();
console.log(`\n${count.passed} passed, 0 failed`);
process.exit(0);
