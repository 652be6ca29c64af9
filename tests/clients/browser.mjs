// Real Chromium on the real pages: first administrator, sign-in, consent with its redirects (I14),
// the account page. Screenshots are kept in tests/output.
import { chromium } from 'playwright-core';
import { createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash, randomBytes } from 'node:crypto';
import { startServer } from './run.mjs';
import { check, count } from './check.mjs';

const output = join(dirname(fileURLToPath(import.meta.url)), '../output');
mkdirSync(output, { recursive: true });
const server = await startServer();
server.cli('user', 'add', 'alice', '--password-stdin', '--keep-password');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const complaints = [];
const open = async options => {
  const context = await browser.newContext({ viewport: { width: 1000, height: 860 }, ...options });
  const page = await context.newPage();
  page.on('console', message => { if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(`${page.url().split('?')[0]}: ${message.text()}`); });
  page.shot = async name => page.screenshot({ path: join(output, `${name}.png`), fullPage: true });
  return page;
};

// Callbacks of clients, one on each loopback name.
const called = [];
const callback = createServer((request, answer) => { called.push(request.url); answer.setHeader('content-type', 'text/html'); answer.end('<title>Done</title>You may close this window.'); });
await new Promise(ready => callback.listen(0, ready));
const port = callback.address().port;

async function register(name, redirect, members = {}) {
  const answer = await fetch(`${server.url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: name, redirect_uris: [redirect], token_endpoint_auth_method: 'none', ...members }) });
  return { redirect, ...(await answer.json()) };
}
function authorizeUrl(client, scope = 'mcp:read mcp:write') {
  const verifier = randomBytes(32).toString('base64url');
  client.verifier = verifier;
  const query = new URLSearchParams({ response_type: 'code', client_id: client.client_id, redirect_uri: client.redirect, scope, state: 'st', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', resource: `${server.url}/mcp` });
  return `${server.url}/oauth/authorize?${query}`;
}
const signIn = async (page, name) => {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign in' }).click();
};

// The first administrator.
const admin = await open();
await admin.goto(server.adminLink);
await admin.shot('first-administrator');
await admin.getByLabel('Name').fill('root');
await admin.getByLabel('Password').fill('correct horse battery');
await admin.getByRole('button', { name: 'Create administrator' }).click();
await admin.getByRole('heading', { name: 'Overview' }).waitFor();
check(true, 'the one-time link makes an administrator');

// A user, from the client's request to the client's callback.
const claude = await register('Claude Code', `http://127.0.0.1:${port}/callback`);
const page = await open();
await page.goto(authorizeUrl(claude));
await page.shot('login');
await page.getByLabel('Name').fill('alice');
await page.getByLabel('Password').fill('wrong password');
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByRole('alert').waitFor();
await page.shot('login-refused');
// That page answers 401, which the browser's console reports: it is expected.
complaints.splice(0, complaints.length, ...complaints.filter(text => !text.includes('401')));
await signIn(page, 'alice');
await page.getByRole('heading', { name: /May Claude Code act/ }).waitFor();
await page.shot('consent');
check(await page.locator('.host').innerText() === '127.0.0.1', 'the redirect host is shown');
await page.getByRole('checkbox', { name: /Change things/ }).uncheck();
await page.getByRole('button', { name: 'Allow' }).click();
await page.waitForURL(/callback\?code=/);
const back = called.find(url => url.startsWith('/callback'));
check(back.includes('code=dw_ac_') && back.includes('iss='), 'the form redirects to a loopback callback in Chromium');

const redeemed = await fetch(`${server.url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', client_id: claude.client_id, code: new URL(back, server.url).searchParams.get('code'), code_verifier: claude.verifier }) });
check((await redeemed.json()).scope === 'mcp:read', 'the scope that was unchecked was not granted');

const dark = await open({ colorScheme: 'dark', viewport: { width: 390, height: 844 }, storageState: await page.context().storageState() });
const cursor = await register('Cursor', 'cursor://anysphere.cursor-mcp/oauth/callback');
await dark.goto(authorizeUrl(cursor));
await dark.getByRole('heading', { name: /May Cursor act/ }).waitFor();
await dark.shot('consent-dark-phone');
const asked = dark.waitForRequest(request => request.url().startsWith('cursor://'), { timeout: 5000 }).then(() => true, () => false);
const answer = dark.waitForResponse(response => response.url().endsWith('/consent') && response.request().method() === 'POST');
await dark.getByRole('button', { name: 'Allow' }).click();
check((await answer).headers().location.startsWith('cursor://anysphere.cursor-mcp/oauth/callback?code='), 'the form redirects to a private scheme');
await asked;
const web = await register('Claude', 'https://localhost:1/api/mcp/auth_callback');
const remote = await open({ storageState: await page.context().storageState() });
await remote.goto(authorizeUrl(web));
const left = remote.waitForRequest(request => request.url().startsWith('https://localhost:1/'));
await remote.getByRole('button', { name: 'Allow' }).click().catch(() => {});
check((await left).url().includes('code=dw_ac_'), 'the form redirects to an https callback in Chromium');

const user = await open({ storageState: await page.context().storageState() });
await user.goto(`${server.url}/account`);
await user.getByRole('heading', { name: 'Connected apps' }).waitFor();
await user.shot('account');
await admin.reload();
await admin.shot('admin');
await user.goto(authorizeUrl({ ...claude, client_id: 'c_gone' }));
await user.shot('unknown-app');
const text = await user.locator('main').innerText();
check(text.includes('This app is not known here'), 'an unknown app is explained');
complaints.splice(0, complaints.length, ...complaints.filter(text => !/40[04]|ERR_CONNECTION_REFUSED|cursor:/.test(text)));
check(complaints.length === 0, `Chromium has nothing to complain about${complaints.map(text => `\n  ${text}`).join('')}`);
await browser.close();
callback.close();
server.stop();
console.log(`\n${count.passed} passed, 0 failed`);
process.exit(0);
