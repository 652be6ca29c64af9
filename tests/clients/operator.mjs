// An operator who has a browser and no shell: adds an identity provider with roles, invites a
// colleague, adds three services (one with OAuth, one REST API, one of the local network), approves
// tools, tries and saves a rule, finds out why a client failed, sees who uses what, and revokes an
// app. Every step is made by keyboard.
import { createServer } from 'node:http';
import { startService } from './gateway/openapi_service.mjs';
import { check, sleep } from './check.mjs';

// An MCP server of the local network. With `oauth`, its own authorization server, which allows what
// it is asked without a page, protects it.
async function startUpstream({ oauth }) {
  let url;
  const tools = ['search', 'archive'].map(name => ({ name, description: `Calls ${name} in the wiki.`, inputSchema: { type: 'object' }, annotations: { readOnlyHint: name === 'search' } }));
  const upstream = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const json = (value, status = 200, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    const { pathname, searchParams } = new URL(request.url, url);
    if (pathname === '/.well-known/oauth-protected-resource/mcp') return json({ resource: `${url}/mcp`, authorization_servers: [url] });
    if (pathname === '/.well-known/oauth-authorization-server') return json({ issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, registration_endpoint: `${url}/register`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'], token_endpoint_auth_methods_supported: ['none'] });
    if (pathname === '/register') return json({ ...JSON.parse(body), client_id: 'doorward' }, 201);
    if (pathname === '/authorize') return response.writeHead(302, { location: `${searchParams.get('redirect_uri')}?code=c&state=${searchParams.get('state')}` }).end();
    if (pathname === '/token') return json({ access_token: 'at', token_type: 'Bearer', expires_in: 3600 });
    if (oauth && request.headers.authorization !== 'Bearer at') return json({}, 401, { 'www-authenticate': `Bearer resource_metadata="${url}/.well-known/oauth-protected-resource/mcp"` });
    const { id, method } = body ? JSON.parse(body) : {};
    if (id === undefined) return response.writeHead(request.method === 'GET' ? 405 : 202).end();
    const result = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'wiki', version: '1' } }, 'tools/list': { tools }, 'tools/call': { content: [{ type: 'text', text: 'found' }] } }[method];
    return json(result ? { jsonrpc: '2.0', id, result } : { jsonrpc: '2.0', id, error: { code: -32601, message: 'unknown' } });
  });
  await new Promise(ready => upstream.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${upstream.address().port}`;
  return { url, stop: () => upstream.close() };
}

// The walkthrough. `open` opens a browser with or without scripts, `mails` are those that were
// sent, `failed` is the client that never
// got further, and `call` calls a tool as the user `user`.
export async function operate({ server, open, mails, scripts, run, failed, user, call }) {
  const told = scripts ? 'with scripts' : 'without scripts';
  const [wiki, notes, things] = [await startUpstream({ oauth: false }), await startUpstream({ oauth: true }), await startService()];
  const page = await open({ javaScriptEnabled: scripts, bypassCSP: scripts });
  await page.signIn('root');
  const at = path => page.goto(server.url + path);
  const text = async () => (await page.locator('main').innerText()).replace(/\s+/g, ' ');
  // The keys of a user who reaches the element by Tab: Space selects, Enter follows and presses.
  const press = async (selector, key = 'Enter') => {
    const element = page.locator(selector).first();
    await element.focus();
    const before = page.url();
    await Promise.all([key === 'Enter' && !selector.startsWith('summary') ? page.waitForEvent('domcontentloaded') : null, page.keyboard.press(key)]);
    return before;
  };
  const type = async (name, value) => {
    const field = page.locator(`[name="${name}"]`).first();
    await field.focus();
    if (await field.evaluate(element => element.tagName === 'SELECT')) await field.selectOption(value);
    else { await page.keyboard.press('Control+A'); await page.keyboard.insertText(value); }
  };
  const opened = async field => {
    const closed = page.locator(`details:not([open]):has([name="${field}"]) > summary`);
    if (await closed.count()) { await closed.focus(); await page.keyboard.press('Enter'); }
  };
  const fill = async fields => {
    for (const [name, value] of Object.entries(fields)) { await opened(name); await type(name, value); }
  };

  // An identity provider whose groups give roles.
  await at('/admin/providers?add=1');
  await fill({ name: `sso-${run}`, 'set-kind': 'oidc', 'set-name': `Company ${run}`, 'set-issuer': 'https://sso.example.com', 'set-client_id': 'doorward', 'set-client_secret': 'a secret', 'set-roles': 'groups = engineering -> developer' });
  await press('main button[value=create]');
  check((await text()).includes(`/login/sso-${run}/callback`), `${told}: an identity provider with roles is added`);

  // A colleague, who gets a link by mail and chooses a password.
  mails.length = 0;
  await at('/admin/users?add=1');
  await fill({ name: `carol${run}`, email: `carol${run}@example.com`, roles: 'staff' });
  await press('main button.primary');
  for (let tries = 0; tries < 100 && !mails.length; tries += 1) await sleep(0.05);
  const link = mails.join('').match(/http:\S+\/login\/reset\/\S+/)?.[0];
  const colleague = await open({ javaScriptEnabled: scripts, bypassCSP: scripts });
  await colleague.goto(link);
  await colleague.fill('input[name=password]', 'correct horse battery');
  await colleague.press('input[name=password]', 'Enter');
  await colleague.waitForLoadState();
  await colleague.signIn(`carol${run}`);
  check(colleague.url().endsWith('/account'), `${told}: a colleague is invited, chooses a password and signs in`);

  // Three services.
  const service = async (name, fields) => {
    await at('/admin/upstreams?add=1');
    await fill({ name: `${name}-${run}`, 'set-networks': '127.0.0.0/8', 'set-http_on_loopback': 'true', 'set-list_wait_ms': '5000', ...fields });
    await press('main button[value=create]');
    check(page.url().includes(`/admin/upstreams/${name}-${run}`), `${told}: the service ${name} is added`);
  };
  await service('wiki', { 'set-kind': 'http', 'set-url': `${wiki.url}/mcp`, 'set-title': 'Team wiki', 'set-approve': 'manual' });
  await service('notes', { 'set-kind': 'http', 'set-url': `${notes.url}/mcp`, 'set-auth': 'oauth' });
  await service('things', { 'set-kind': 'openapi', 'set-document': `${things.url}/openapi.json`, 'set-include': '*_kind01' });

  // The user of the OAuth service connects it with one press here.
  await colleague.goto(`${server.url}/connect/notes-${run}`);
  await colleague.locator('main button.primary').focus();
  await Promise.all([colleague.waitForURL(/done|account/), colleague.keyboard.press('Enter')]);
  check((await colleague.content()).includes('is connected'), `${told}: a user connects the service with OAuth`);

  // A test says what works, and lists the tools; those that wait are approved together.
  await at(`/admin/upstreams/wiki-${run}`);
  check((await text()).includes('No tools are known yet.'), `${told}: the page of a new service says what to do`);
  await press('main button[value=test]');
  check(await page.locator('section[role=status] .badge.good').count() >= 2, `${told}: the test of a service says what works`);
  for (const box of await page.locator('main tbody input[type=checkbox]').all()) { await box.focus(); await page.keyboard.press('Space'); }
  await press('.bulk button[value=approve]');
  check(await page.locator('main tbody .badge.good').count() === 2, `${told}: tools are approved together`);
  check((await call(`wiki-${run}_search`)).includes('found'), `${told}: and can be called`);

  // A rule is tried on the calls of the audit, and saved.
  await at('/admin/policy');
  await type('rules', `deny upstream=wiki-${run}`);
  await press('main button:has-text("Try")');
  check(/1 call/.test(await text()), `${told}: a rule is tried on what happened`);
  await press('main button:has-text("Save")');
  check((await text()).includes('is in effect'), `${told}: and saved`);
  check(!(await call(`wiki-${run}_search`)).includes('found'), `${told}: the next call is refused by it`);
  await at('/admin/policy');
  await type('rules', '');
  await press('main button:has-text("Save")');

  // The reason for which a client does not connect.
  await at('/admin/timeline');
  await type('client', failed);
  await press('main form button');
  check((await text()).includes('The client did not register this redirect_uri'), `${told}: the timeline says why a client failed`);

  // Who uses what.
  await at('/admin/usage');
  check((await text()).includes(`wiki-${run}_search`) && (await text()).includes(user), `${told}: usage names the tool and its user`);

  // One app loses its access at once.
  await at(`/admin/users?search=${user}`);
  await press('main tbody a');
  await press('main button[value=revoke]');
  check((await call('whoami')).includes('401'), `${told}: an app is revoked`);
  for (const one of [wiki, notes, things]) one.stop();
}
