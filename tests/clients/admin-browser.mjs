// Real Chromium on every page of users and administrators: light, dark, at phone width, with an
// automated check of accessibility (axe), with and without scripts. Screenshots are kept in
// tests/output.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Human } from './human.mjs';
import { faults } from './layout.mjs';
import { operate } from './operator.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PASSWORD = 'correct horse battery';

// A mail server that keeps what it is given.
const mails = [];
const post = createServer(socket => {
  let held = '', mail = null;
  socket.write('220 mail.test ESMTP\r\n');
  socket.on('data', bytes => {
    held += bytes;
    for (let end; (end = held.indexOf('\r\n')) >= 0;) {
      const line = held.slice(0, end);
      held = held.slice(end + 2);
      if (mail !== null) {
        if (line !== '.') { mail += `${line}\n`; continue; }
        mails.push(mail.replaceAll('=\n', '').replaceAll('=3D', '='));
        mail = null;
        socket.write('250 kept\r\n');
      } else if (line === 'DATA') { mail = ''; socket.write('354 go on\r\n'); } else if (line === 'QUIT') socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
});
await new Promise(ready => post.listen(0, '127.0.0.1', ready));

const server = await startServer({ DOORWARD_MAIL__URL: `smtp://127.0.0.1:${post.address().port}`, DOORWARD_MAIL__FROM: 'Doorward <doorward@example.com>', DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600', DOORWARD_AUDIT__RECORD: 'who*', DOORWARD_REGISTRATION__APPROVAL: 'false', DOORWARD_OUTBOUND__ADMINISTERED_NETWORKS: '127.0.0.0/8' });
// The command waits for the mail server, which is this process.
await server.told('user', 'add', 'root', '--role', 'admin', '--role', 'auditor', '--email', 'root@example.com', '--password-stdin', '--keep-password');
await server.told('user', 'add', 'ann', '--role', 'staff', '--email', 'ann@example.com', '--password-stdin', '--keep-password');
await server.told('toolset', 'add', 'support', '--title', 'Support desk', '--description', 'Reads the wiki and works on tickets.', '--select', 'upstream=wiki* class=read', '--select', 'upstream=tickets* kind=prompt');
check(mails.length === 2, 'users who are added are told by mail');
mails.length = 0;
const granted = (await tokens(server, new Human(server.url, 'ann', PASSWORD), { name: 'Claude Code' })).access_token;
const answer = async (name, token = granted, args = {}) => {
  const response = await fetch(`${server.url}/mcp`, { method: 'POST', headers: { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }) });
  return `${response.status} ${await response.text()}`;
};
const call = async (...asked) => Number((await answer(...asked)).slice(0, 3));
check(await call('whoami') === 200, 'a client is connected and calls');
await call('whoami', granted, { note: 'hello' });
// A client that never gets further, for the timeline.
const registered = await (await fetch(`${server.url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: '<img src=x onerror=alert(1)> Cursor', redirect_uris: ['http://127.0.0.1:7777/callback'] }) })).json();
await fetch(`${server.url}/oauth/authorize?response_type=code&client_id=${registered.client_id}&redirect_uri=https%3A%2F%2Felsewhere.example%2Fcb&code_challenge=${'A'.repeat(43)}&code_challenge_method=S256`, { redirect: 'manual' });
await sleep(0.5);

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const complaints = [];
const open = async options => {
  // axe is put into the page by the test, which the page's own policy would forbid.
  const context = await browser.newContext({ viewport: { width: 1000, height: 860 }, bypassCSP: true, ...options });
  const page = await context.newPage();
  page.on('console', message => { if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(`${page.url()}: ${message.text()}`); });
  page.on('pageerror', error => complaints.push(`${page.url()}: ${error}`));
  page.on('dialog', dialog => { complaints.push(`${page.url()}: a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.signIn = async name => {
    await page.goto(`${server.url}/login`);
    await page.fill('input[name=name]', name);
    await page.fill('input[name=password]', PASSWORD);
    await page.click('button:has-text("Sign in")');
    await page.waitForURL(/account/);
  };
  return page;
};
let looked = 0;
async function look(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 1000, height: 860 });
    await page.screenshot({ path: join(output, `${name}-${scheme}.png`), fullPage: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
    const serious = violations.filter(found => ['serious', 'critical'].includes(found.impact));
    for (const found of serious) console.log(`   ${name} ${scheme}: ${found.id} ${found.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary.replace(/\s+/g, ' ').slice(0, 160)).join(' | ')}`);
    check(serious.length === 0, `${name}, ${scheme}: axe has no serious finding`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(output, `${name}-phone.png`), fullPage: true });
  // With the wider spacing of WCAG 1.4.12 as well, which also covers machines with wider fonts.
  const spacing = await page.addStyleTag({ content: '*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}' });
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')].filter(element => element.getBoundingClientRect().right > width + 0.5).slice(0, 5).map(element => `${element.outerHTML.slice(0, 120)} reaches ${Math.round(element.getBoundingClientRect().right)} of ${width} px`);
  });
  check(wide.length === 0, `${name}: nothing is wider than a phone${wide.length > 0 ? `: ${wide.join('; ')}` : ''}`);
  await spacing.evaluate(style => style.remove());
  await page.setViewportSize({ width: 360, height: 760 });
  const wrong = await page.evaluate(faults, { touch: true });
  check(wrong.length === 0, `${name}: nothing is wrong at 360 px${wrong.length > 0 ? `: ${wrong.join('; ')}` : ''}`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1000, height: 860 });
  looked += 1;
}

const ann = await open({});
await ann.goto(`${server.url}/login`);
await look(ann, 'page-login');
await ann.signIn('ann');
check((await ann.content()).includes('Last called'), 'the last tools that an app called are shown');
await look(ann, 'page-account');
await ann.click('#apps a.whole');
check(await ann.locator('#app input[type=checkbox]').count() > 0, 'an app leads to its permissions');
await look(ann, 'page-account-app');
for (const [path, name] of [['/account/clients', 'page-clients'], ['/account/tokens', 'page-tokens'], ['/account/activity', 'page-activity'], ['/account/conversations', 'page-conversations'], ['/account/security', 'page-security']]) {
  await ann.goto(server.url + path);
  await look(ann, name);
}
await ann.goto(`${server.url}/account/clients`);
const tiles = await ann.locator('.tiles a').evaluateAll(links => links.map(link => link.href));
check(tiles.length === 14, 'there is a tile for each of fourteen clients');
let copiers = 0;
for (const [number, tile] of tiles.entries()) {
  await ann.goto(tile);
  check(await ann.locator('section.guide').count() === 1, `${new URL(tile).search} has the steps of one client`);
  if (number === 1) await look(ann, 'page-client-steps');
  for (const closed of await ann.locator('details').all()) await closed.evaluate(details => { details.open = true; });
  check(await ann.locator('svg.qr').count() === 1, 'and a QR code for a colleague');
  copiers += await ann.locator('button.copier:visible').count();
}
check(copiers > 10 + 2 * tiles.length, 'copy buttons appear where a script may run');
await ann.goto(`${server.url}/account/tokens`);
await ann.fill('input[name=name]', 'backup script');
await ann.click('button:has-text("Create token")');
const value = await ann.locator('.copy code').first().textContent();
check(value.startsWith('dw_pat_'), 'a token is shown once');
check(await call('whoami', value) === 200, 'and works as a bearer');
await look(ann, 'page-token-made');
await ann.goto(`${server.url}/account/tokens`);
check(!(await ann.content()).includes(value), 'and is not shown again');
await ann.click('button:has-text("Revoke")');
check(await call('whoami', value) === 401, 'a revoked token ends at once');

const root = await open({});
await root.signIn('root');
for (const [path, name] of [['/admin', 'page-admin'], ['/admin/users', 'page-admin-users'], ['/admin/groups', 'page-admin-groups'], ['/admin/groups?add=1', 'page-admin-group-add'], ['/admin/users/import', 'page-admin-import'], ['/admin/policy/who?kind=tool&item=whoami', 'page-admin-who'], ['/admin/policy/tools?user=ann', 'page-admin-may'], ['/admin/rules/access', 'page-admin-access'], ['/admin/rules/limits', 'page-admin-limits'], ['/admin/rules/registration', 'page-admin-registration'], ['/admin/clients', 'page-admin-clients'], ['/admin/providers', 'page-admin-providers'], ['/admin/upstreams', 'page-admin-upstreams'], ['/admin/trust', 'page-admin-trust'], ['/admin/toolsets', 'page-admin-toolsets'], ['/admin/toolsets?add=1', 'page-admin-toolset-add'], ['/admin/toolsets/support', 'page-admin-toolset'], ['/admin/resources', 'page-admin-resources'], ['/admin/approvals', 'page-admin-approvals'], ['/admin/policy?user=ann&item=whoami', 'page-admin-policy'], ['/admin/keys', 'page-admin-keys'], ['/admin/timeline', 'page-admin-timeline'], ['/admin/audit', 'page-admin-audit'], ['/admin/usage', 'page-admin-usage'], ['/admin/settings', 'page-admin-settings'], ['/admin/tokens', 'page-admin-tokens'], ['/admin/users?add=1', 'page-admin-user-add'], ['/admin/clients?add=1', 'page-admin-client-add'], ['/admin/upstreams?add=1', 'page-admin-service-add'], ['/admin/search?search=a', 'page-admin-search']]) {
  await root.goto(server.url + path);
  await look(root, name);
}
await root.goto(`${server.url}/admin/timeline`);
check((await root.content()).includes('The client did not register this redirect_uri'), 'the timeline says what was wrong');
await root.goto(`${server.url}/admin/users`);
await root.click('a:has-text("ann")');
await look(root, 'page-admin-user');
await root.goto(`${server.url}/admin/clients/one?client_id=${registered.client_id}`);
await look(root, 'page-admin-client');
await root.click('button[value=block]');
check((await root.locator('h1').innerText()).startsWith('Disable'), 'what ends with a client is confirmed first');
await look(root, 'page-admin-sure');
await root.click('.sure button');
check((await root.content()).includes('value="unblock"'), 'a client is disabled');
await root.goto(`${server.url}/admin/audit?kind=tool.called&outcome=failed`);
await root.click('main tbody a >> nth=0');
await look(root, 'page-admin-entry');
await root.click('a:has-text("Recorded arguments")');
check((await root.content()).includes('hello'), 'an auditor reads what was recorded');
await look(root, 'page-admin-record');

// The same work without any script.
const plain = await open({ javaScriptEnabled: false, bypassCSP: false });
await plain.signIn('root');
await plain.goto(`${server.url}/admin/users?add=1`);
await plain.fill('input[name=name]', 'dora');
await plain.fill('input[name=password]', PASSWORD);
await plain.click('main button.primary');
check(/\/admin\/users\/u_/.test(plain.url()), 'a user is added without a script');
await plain.fill('input[name=roles]', 'staff lead');
await plain.click('button:has-text("Save")');
check((await plain.content()).includes('Saved.'), 'and changed');
await plain.goto(`${server.url}/admin/groups?add=1`);
await plain.fill('input[name=name]', 'engineers');
await plain.fill('input[name=description]', 'Writes the software');
await plain.fill('input[name=roles]', 'developer');
await plain.click('main button.primary');
await plain.fill('textarea[name=users]', 'dora ann');
await plain.click('button[value=add-members]');
check((await plain.content()).includes('2 members were added.'), 'a group is added with its members without a script');
await root.goto(`${server.url}/admin/users/import`);
await root.fill('textarea[name=csv]', 'name,groups\nemil,engineers\ndora,none\n');
await root.click('button[value=plan]');
check((await root.content()).includes('Not possible') && await root.locator('button[value=import]').count() === 0, 'a table with a wrong line is not imported');
await look(root, 'page-admin-import-refused');
await root.fill('textarea[name=csv]', 'name,groups\nemil,engineers\ndora,engineers\n');
await root.click('button[value=plan]');
await look(root, 'page-admin-import-plan');
await root.click('button[value=import]');
check((await root.content()).includes('1 user was imported.'), 'and a right one is, after a look');
await root.goto(`${server.url}/admin/groups/engineers`);
await look(root, 'page-admin-group');
await plain.goto(`${server.url}/admin/policy/who?kind=role&item=developer`);
check(await plain.locator('tbody tr').count() === 3, 'and the users with a role are found');
await plain.goto(`${server.url}/admin/users?search=dora`);
check(await plain.locator('tbody tr').count() === 1, 'and found');
await plain.check('input[name^=row-]');
await plain.click('.bulk button[value=disable]');
check((await plain.locator('h1').innerText()) === 'Disable 1 user?', 'what ends access is confirmed first');
await plain.click('.sure button');
check((await plain.content()).includes('1 user was disabled.'), 'and disabled among others');
await plain.goto(`${server.url}/admin/policy`);
await plain.fill('textarea[name=rules]', 'deny tool');
await plain.click('button[formaction]');
check(await plain.locator('[role=alert]').count() === 1 && await plain.inputValue('textarea[name=rules]') === 'deny tool', 'a wrong rule is refused and stays in the form');
await plain.fill('textarea[name=rules]', 'deny role=guest tool=server_info');
await plain.click('button[formaction]');
check((await plain.content()).includes('Version 1 was saved and is in effect.'), 'rules are saved without a script');
await plain.fill('textarea[name=rules]', '');
await plain.click('button[formaction]');
await plain.click('.actions a');
await plain.click('tbody tr:last-child a');
await plain.click('main button.primary');
check((await plain.content()).includes('Version 3 was saved and is in effect.'), 'and an earlier version is put in effect again');
await plain.goto(`${server.url}/admin/rules/access`);
await plain.fill('textarea[name=set-tool_roles]', 'server_info');
await plain.click('button[formaction]');
check(await plain.locator('[role=alert]').count() === 1 && await plain.inputValue('textarea[name=set-tool_roles]') === 'server_info', 'a wrong access rule is refused and stays in the form');
await plain.fill('textarea[name=set-tool_roles]', 'server_info = staff');
await plain.click('main form button.primary');
check(await plain.locator('[role=status]').count() === 1, 'access rules are tried on the calls of the audit');
await plain.click('button[formaction]');
check((await plain.content()).includes('Version 1 was saved and is in effect.'), 'and saved without a script');
for (const [path, name] of [['/admin/rules/access/versions', 'page-admin-access-versions'], ['/admin/rules/access/versions/1', 'page-admin-access-version'], ['/admin/policy/versions', 'page-admin-policy-versions'], ['/admin/policy/versions/2', 'page-admin-policy-version']]) {
  await root.goto(server.url + path);
  await look(root, name);
}
await plain.goto(`${server.url}/account/tokens`);
await plain.fill('input[name=name]', 'plain');
await plain.click('button:has-text("Create token")');
check((await plain.content()).includes('dw_pat_'), 'a token is made without a script');

// A forgotten password, without any script and in German.
const german = await open({ javaScriptEnabled: false, bypassCSP: false, locale: 'de-DE' });
await german.goto(`${server.url}/login`);
check(await german.locator('html').getAttribute('lang') === 'de' && (await german.content()).includes('Anmelden'), 'a German browser gets German pages');
await german.click('a:has-text("Passwort vergessen?")');
await german.fill('input[name=name]', 'ann@example.com');
await german.click('main button.primary');
check((await german.content()).includes('wurde eine E-Mail dorthin gesendet'), 'a mail was sent');
for (let tries = 0; tries < 100 && !mails.length; tries += 1) await sleep(0.1);
const letter = mails.find(mail => mail.includes('/login/reset/')) ?? '';
const link = letter.match(/http:\S+\/login\/reset\/\S+/)?.[0];
check(letter.includes('Guten Tag ann') && link, 'the mail is in German and has a link');
const forgot = await open({});
await forgot.goto(`${server.url}/login/forgot`);
await look(forgot, 'page-forgot');
await forgot.goto(link);
await look(forgot, 'page-reset');
await german.goto(link);
await german.fill('input[name=password]', `${PASSWORD} again`);
await german.click('main button.primary');
check((await german.content()).includes('Ihr Passwort wurde geändert'), 'a password is set by the link');
await german.goto(`${server.url}/login`);
await german.fill('input[name=name]', 'ann');
await german.fill('input[name=password]', `${PASSWORD} again`);
await german.click('main button.primary');
await german.waitForURL(/account/);
await german.screenshot({ path: join(output, 'page-account-german.png'), fullPage: true });
await german.goto(link);
check((await german.content()).includes('Dieser Link funktioniert nicht'), 'the link works once');

// The whole work of an operator without a shell, with and without scripts.
for (const [run, scripts] of [['a', true], ['b', false]]) {
  const user = `dave${run}`;
  await server.told('user', 'add', user, '--password-stdin', '--keep-password');
  const token = (await tokens(server, new Human(server.url, user, PASSWORD), { name: `Agent ${run}`, scope: 'mcp:destructive' })).access_token;
  await operate({ server, open, mails, scripts, run, user, failed: registered.client_id, call: name => answer(name, token) });
}

// The used link's page is one that does not exist, and wrong rules were refused: Chromium says so in the console.
const refused = ['/admin/policy', '/admin/rules/access'].map(page => `${page}: Failed to load resource: the server responded with a status of 400 (Bad Request)`);
const meant = complaint => complaint.includes('/login/reset/') || refused.some(end => complaint.endsWith(end));
check(complaints.filter(complaint => !meant(complaint)).length === 0, `no message in the console, no dialog ${complaints.join('; ')}`);
await browser.close();
server.stop();
post.close();
console.log(`\n${count.passed} passed, ${looked} pages in two schemes and at phone width`);
process.exit(0);
