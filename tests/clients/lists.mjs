// Every list of administrators with 1, 200 and 5,000 rows, in three languages: fills a server, and
// looks at each page at the width of a desk and of a narrow phone for faults of the layout. With
// DOORWARD_SHOTS=FOLDER it also takes screenshots of them, light, dark and on a phone.
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { check, count } from './check.mjs';
import { faults } from './layout.mjs';
import { startServer } from './run.mjs';

const PASSWORD = 'correct horse battery';
const shots = process.env.DOORWARD_SHOTS;
const sizes = (process.env.DOORWARD_ROWS ?? '1,200,5000').split(',').map(Number);
if (shots) mkdirSync(shots, { recursive: true });

// A service with fifty tools, some with long names and descriptions.
const tools = Array.from({ length: 50 }, (_, number) => ({ name: `tool_${number}${number % 7 === 3 ? '_with_a_rather_long_name_that_a_server_chose' : ''}`, description: `Does the ${number}th thing of this service, and tells what it did in a sentence of some length.`, inputSchema: { type: 'object' }, annotations: { readOnlyHint: number % 3 === 0, destructiveHint: number % 3 === 2 } }));
const upstream = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { id, method } = body ? JSON.parse(body) : {};
  if (id === undefined) return response.writeHead(request.method === 'GET' ? 405 : 202).end();
  const result = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'many', version: '1' } }, 'tools/list': { tools } }[method];
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result ? { jsonrpc: '2.0', id, result } : { jsonrpc: '2.0', id, error: { code: -32601, message: 'unknown' } }));
});
await new Promise(ready => upstream.listen(0, '127.0.0.1', ready));
const place = `http://127.0.0.1:${upstream.address().port}/mcp`;

const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600', DOORWARD_LOG__LEVEL: 'warn', DOORWARD_REGISTRATION__BURST_PER_ADDRESS: '100000', DOORWARD_REGISTRATION__PER_MINUTE_PER_ADDRESS: '100000', DOORWARD_OUTBOUND__ADMINISTERED_NETWORKS: '127.0.0.0/8' });
server.cli('user', 'add', 'root', '--role', 'admin', '--role', 'auditor', '--password-stdin', '--keep-password');
const key = JSON.parse(server.cli('--json', 'token', 'create', 'lists', '--user', 'root', '--scope', 'admin', '--days', '1')).value;
const api = async (path, body, method = 'POST') => {
  const response = await fetch(`${server.url}/api/admin${path}`, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'if-match': '*' }, body: body && JSON.stringify(body) });
  if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? {} : response.json();
};
const each = async (from, to, at) => { for (let next = from; next < to; next += 8) await Promise.all(Array.from({ length: Math.min(8, to - next) }, (_, offset) => at(next + offset))); };
const LONG = 'Donaudampfschifffahrtsgesellschaftskapitän';

const wrong = [];
const tell = (found, what) => {
  for (const fault of found) wrong.push(`${what}: ${fault}`);
  if (found.length === 0) count.passed += 1;
};

let have = 0;
async function fill(rows) {
  const most = limit => [Math.min(have, limit), Math.min(rows, limit)];
  const [first, last] = most(5000);
  for (let next = first; next < last; next += 1000) {
    const lines = Array.from({ length: Math.min(1000, last - next) }, (_, offset) => next + offset).map(number => `user${number}.name,${number % 5 ? `user${number}@example.com` : ''},${number % 4 ? `User Number ${number}` : `Anna Maria ${LONG} ${number}`},${number % 3 ? 'staff' : 'staff developer reviewer'}`);
    const file = join(tmpdir(), `doorward-lists-${process.pid}.csv`);
    writeFileSync(file, `name,email,display_name,roles\n${lines.join('\n')}\n`);
    server.cli('user', 'import', file);
  }
  await each(first, last, async number => {
    const response = await fetch(`${server.url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: number % 6 ? `Client ${number}` : `${LONG} ${number} of the documentation department`, redirect_uris: ['http://127.0.0.1:7000/callback'] }) });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  });
  await each(...most(200), number => api('/groups', { name: `group-${number}`, description: number % 5 ? `Group ${number}` : `${LONG} and others who review what was written`, roles: ['developer', 'reviewer'] }));
  await each(...most(200), number => api('/tokens', { service: `service-${number}`, name: number % 4 ? `token ${number}` : `Nightly export of the ${LONG}`, scopes: ['mcp:read'], days: 30 }));
  await each(...most(100), number => api('/upstreams', { name: `service-${number}`, title: number % 4 ? `Service ${number}` : `${LONG} ${number}`, kind: 'http', url: place, auth: 'none', approve: 'manual', http_on_loopback: true }));
  await each(...most(100), number => api(`/upstreams/service-${number}/test`));
  await each(...most(200), number => api('/resources', { url: `https://resource-${number}.example.com/api`, name: number % 4 ? `Resource ${number}` : LONG, scopes: ['read'] }));
  await each(...most(200), number => api('/toolsets', { name: `set-${number}`, title: number % 4 ? `Set ${number}` : LONG.slice(0, 80), description: number % 3 ? '' : LONG, selection: [`upstream=service-${number % Math.min(rows, 100)} class=read`] }));
  await each(...most(200), number => api('/trust', { name: `ci-${number}`, service: `service-${number}`, scopes: ['mcp:read'], issuer: 'https://token.actions.githubusercontent.com', jwks_uri: 'https://token.actions.githubusercontent.com/.well-known/jwks', subject: `repo:example/repository-${number}:ref:refs/heads/main` }));
  for (let [number, end] = most(60); number < end; number += 1) {
    const { version } = await api('/policy', undefined, 'GET');
    await fetch(`${server.url}/api/admin/policy`, { method: 'PUT', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'if-match': `"${version}"` }, body: JSON.stringify({ rules: [`deny role=guest tool=tool_${number}`, 'confirm class=destructive'], default: 'allow' }) });
  }
  have = rows;
}

const PAGES = [['users', '/admin/users'], ['groups', '/admin/groups'], ['clients', '/admin/clients'], ['tokens', '/admin/tokens'], ['trust', '/admin/trust'], ['services', '/admin/upstreams'], ['service', '/admin/upstreams/service-0'], ['toolsets', '/admin/toolsets'], ['resources', '/admin/resources'], ['approvals', '/admin/approvals'], ['providers', '/admin/providers'], ['keys', '/admin/keys'], ['chats', '/admin/chats'], ['audit', '/admin/audit'], ['timeline', '/admin/timeline'], ['usage', '/admin/usage'], ['policy', '/admin/policy'], ['versions', '/admin/policy/versions'], ['who', '/admin/policy/who?kind=role&item=staff'], ['may', '/admin/policy/tools?user=root'], ['access', '/admin/rules/access'], ['limits', '/admin/rules/limits'], ['registration', '/admin/rules/registration'], ['overview', '/admin'], ['search', '/admin/search?search=a'], ['filtered', '/admin/users?search=zzz&state=disabled'], ['account', '/account'], ['activity', '/account/activity'], ['conversations', '/account/conversations'], ['own-tokens', '/account/tokens'], ['security', '/account/security'], ['connect', '/account/clients']];
const only = process.env.DOORWARD_PAGES?.split(',');

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
for (const rows of sizes) {
  await fill(rows);
  for (const locale of ['en-GB', 'de-DE', 'fr-FR']) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale });
    const page = await context.newPage();
    await page.goto(`${server.url}/login`);
    await page.fill('input[name=name]', 'root');
    await page.fill('input[name=password]', PASSWORD);
    await page.click('main form button.primary, main form button[type=submit], main form button');
    await page.waitForURL(/account/);
    for (const [name, path] of PAGES.filter(([name]) => !only || only.includes(name))) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(server.url + path);
      const told = `${name}, ${rows} rows, ${locale.slice(0, 2)}`;
      const shot = async kind => { if (shots) await page.screenshot({ path: join(shots, `${name}-${rows}-${locale.slice(0, 2)}-${kind}.png`) }); };
      const wide = await page.evaluate(faults, { touch: false });
      tell(wide, `${told}, at a desk`);
      await shot('light');
      if (shots && rows === sizes.at(-1)) { await page.emulateMedia({ colorScheme: 'dark' }); await shot('dark'); await page.emulateMedia({ colorScheme: 'light' }); }
      await page.setViewportSize({ width: 360, height: 760 });
      const narrow = await page.evaluate(faults, { touch: true });
      tell(narrow, `${told}, on a phone`);
      await shot('phone');
    }
    await context.close();
  }
}
await browser.close();
server.stop();
upstream.close();
check(wrong.length === 0, `no list has a fault of its layout${wrong.map(fault => `\n   ${fault}`).join('')}`);
console.log(`\n${count.passed} passed`);
process.exit(0);
