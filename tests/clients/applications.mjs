// An application that signs its users in with Doorward: Apache with mod_auth_openidc, unmodified, set up as
// docs/how-to/sign-in-to-applications.md says. A user gets from a page of the application through sign-in and back, the
// application reads its claims and decides by them, signs the user out, and is told when the session ends elsewhere.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, count, sleep } from './check.mjs';
import { Human } from './human.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';

const PASSWORD = 'correct horse battery';
const MODULES = '/usr/lib/apache2/modules';
const folder = mkdtempSync(join(tmpdir(), 'doorward-applications-'));
const page = join(dirname(fileURLToPath(import.meta.url)), '../../docs/how-to/sign-in-to-applications.md');

// The section of the how-to page about Apache, with the names and the ports of this test.
function documented(values) {
  const section = readFileSync(page, 'utf8').split('## Apache\n')[1].split('\n## ')[0];
  const config = section.match(/```apache\n([\s\S]*?)```/)[1];
  return Object.entries(values).reduce((text, [from, to]) => text.replaceAll(from, to), config);
}

async function apache(port, config) {
  const site = join(folder, 'site/app');
  mkdirSync(join(site, 'admin'), { recursive: true });
  writeFileSync(join(site, 'index.html'), 'the application');
  writeFileSync(join(site, 'admin/index.html'), 'the administration');
  writeFileSync(join(folder, 'site/index.html'), 'in front of the application');
  const modules = ['mpm_event', 'authz_core', 'authz_user', 'authn_core', 'auth_openidc', 'dir', 'headers'].map(name => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`);
  // What the application sees is what it answers.
  const shown = ['OIDC_CLAIM_preferred_username', 'OIDC_CLAIM_email', 'OIDC_CLAIM_groups', 'OIDC_CLAIM_sid', 'OIDC_CLAIM_acr'].map(name => `Header always set X-${name.slice(11).replaceAll('_', '-')} "%{${name}}e"`);
  const all = [`ServerRoot ${folder}`, 'ServerName localhost', `Listen 127.0.0.1:${port}`, ...modules, `PidFile ${folder}/httpd.pid`, `ErrorLog ${folder}/error.log`, 'LogLevel auth_openidc:debug', `DocumentRoot ${folder}/site`, 'DirectoryIndex index.html', 'Header always set X-User "expr=%{REMOTE_USER}"', ...shown, config];
  writeFileSync(join(folder, 'httpd.conf'), `${all.join('\n')}\n`);
  const server = spawn('/usr/sbin/apache2', ['-f', join(folder, 'httpd.conf'), '-DFOREGROUND'], { stdio: 'inherit' });
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`http://localhost:${port}/`).then(answer => answer.ok, () => false)) return server;
    await sleep(0.1);
  }
  throw new Error(`Apache did not start: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
}

// A browser at the application, with cookies of its own.
class AtApplication {
  cookies = new Map();
  async get(url) {
    const headers = { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '), accept: 'text/html', 'sec-fetch-mode': 'navigate' };
    // `fetch` would say that a script sends it.
    const answer = await new Promise((done, fail) => {
      const request = send(url, { headers }, response => {
        let html = '';
        response.on('data', chunk => { html += chunk; });
        response.on('end', () => done({ status: response.statusCode, headers: response.headers, html }));
      });
      request.on('error', fail).end();
    });
    for (const cookie of answer.headers['set-cookie'] ?? []) {
      const [pair] = cookie.split(';');
      const at = pair.indexOf('=');
      const gone = /expires=Thu, 01.Jan.1970/i.test(cookie) || pair.endsWith('=');
      if (gone) this.cookies.delete(pair.slice(0, at)); else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return { ...answer, location: answer.headers.location };
  }
}

const port = await freePort();
const site = `http://localhost:${port}`;
const server = await startServer({ DOORWARD_OUTBOUND__ALLOW_NETWORKS: '127.0.0.0/8,::1/128', DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '600' });
server.cli('user', 'add', 'ada', '--password-stdin', '--keep-password', '--email', 'ada@example.com', '--role', 'staff');
const added = server.cli('client', 'add', 'Wiki', '--openid', '--redirect-uri', `${site}/app/callback`, '--auth-method', 'client_secret_basic', '--post-logout-redirect-uri', `${site}/`, '--backchannel-logout-uri', `${site}/app/callback?logout=backchannel`);
const [id, secret] = [added.match(/\bc_[\w-]+/)[0], added.match(/\bdw_cs_[\w-]+/)[0]];
const httpd = await apache(port, documented({ 'https://doorward.example.com': server.url, 'https://wiki.example.com': site, 'c_…': id, 'dw_cs_…': secret }));

try {
  const [browser, human] = [new AtApplication(), new Human(server.url, 'ada', PASSWORD)];
  // From a page of the application through Doorward and back.
  const enter = async url => {
    const away = await browser.get(url);
    check(away.status === 302 && away.location.startsWith(`${server.url}/oauth/authorize?`), `a page of the application sends the user to Doorward (${away.status})`);
    check(new URL(away.location).searchParams.get('code_challenge_method') === 'S256', 'with a proof key');
    const back = await human.authorize(away.location);
    check(back.startsWith(`${site}/app/callback?`), `Doorward sends the user back`);
    const entered = await browser.get(back);
    check(entered.status === 302 && entered.location === url, `the application accepts the user (${entered.status})`);
    return browser.get(url);
  };
  const open = await enter(`${site}/app/`);
  const told = name => open.headers[`x-${name}`];
  check(open.status === 200 && open.html === 'the application', `the page is shown (${open.status} ${open.html})`);
  check(told('user') === 'ada' && told('preferred-username') === 'ada', `the application knows the user (${told('user')} ${told('preferred-username')})`);
  check(told('email') === 'ada@example.com' && told('groups') === 'staff', `and the claims of the scopes (${told('email')} ${told('groups')})`);
  check(Boolean(told('sid')) && Boolean(told('acr')), `and the session (${told('sid')} ${told('acr')})`);
  const refused = await browser.get(`${site}/app/admin/`);
  check(refused.status === 401 || refused.status === 403, `a page for a role is not for others (${refused.status})`);
  // The session ends at Doorward, and the application is told.
  server.cli('user', 'disable', 'ada');
  let after;
  for (let tries = 0; tries < 100; tries += 1) {
    after = await browser.get(`${site}/app/`);
    if (after.status === 302) break;
    await sleep(0.1);
  }
  check(after.status === 302, `a session that ends at Doorward ends at the application (${after.status})`);
  server.cli('user', 'enable', 'ada');
  human.cookies.clear();
  await enter(`${site}/app/`);
  // The user signs out at the application.
  const out = await browser.get(`${site}/app/callback?logout=${encodeURIComponent(`${site}/`)}`);
  check(out.status === 302 && out.location.startsWith(`${server.url}/oauth/logout?`), `signing out leads to Doorward (${out.status})`);
  const returned = await human.fetch(out.location);
  check(returned.location === `${site}/`, `and back to the registered page (${returned.status} ${returned.location})`);
  check((await browser.get(`${site}/app/`)).status === 302, 'the application asks for a sign-in again');
  const again = await human.fetch(`${server.url}/account`);
  check(again.location?.includes('/login'), `and the session at Doorward is over (${again.status} ${again.location})`);
} catch (error) {
  console.log(readFileSync(join(folder, 'error.log'), 'utf8').split('\n').filter(line => /:(error|warn)\]/.test(line)).slice(-20).join('\n'));
  throw error;
} finally {
  httpd.kill('SIGTERM');
  server.stop();
}
console.log(`\n${count.passed} passed`);
process.exit(0);
