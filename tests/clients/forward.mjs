// Forward authentication with real nginx and Caddy, by the examples in deploy/proxies: an unmodified client gets from the bare URL
// to a tool call of a program that knows nothing of OAuth, and a browser to a page. The program never sees the client's token, and
// what a stranger writes into identity headers does not reach it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, count, sleep } from './check.mjs';
import { Human } from './human.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { connected } from './sdk-client.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const examples = join(here, '../../deploy/proxies');
const PASSWORD = 'correct horse battery';
const folder = mkdtempSync(join(tmpdir(), 'doorward-forward-'));

// The program: an MCP server and pages, without any authentication. It answers with the headers that it got.
async function program() {
  const port = await freePort();
  const seen = [];
  createHttp((request, response) => {
    seen.push(request.headers);
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      const json = value => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
      if (request.method !== 'POST') {
        if (request.url.startsWith('/mcp')) { response.statusCode = 405; response.end(); return; }
        response.setHeader('content-type', 'text/html').end(`<p>Hello ${request.headers['x-doorward-user']}</p>`);
        return;
      }
      const message = JSON.parse(body);
      if (message.id === undefined) { response.statusCode = 202; response.end(); return; }
      const results = {
        initialize: () => ({ protocolVersion: message.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'Program', version: '1' } }),
        'tools/list': () => ({ tools: [{ name: 'who', inputSchema: { type: 'object' } }] }),
        'tools/call': () => ({ content: [{ type: 'text', text: request.headers['x-doorward-user'] ?? 'no user' }] }),
      };
      json({ jsonrpc: '2.0', id: message.id, result: results[message.method]() });
    });
  }).listen(port, '127.0.0.1');
  return { port, seen };
}

// Each example unchanged, with the names and the ports of this test, and http in place of TLS on this machine.
const PROXIES = {
  nginx(port, behind, doorward) {
    const server = readFileSync(join(examples, 'forward-auth.nginx.conf'), 'utf8').replace('listen 443 ssl;', `listen 127.0.0.1:${port};`).replace('server_name notes.example.com;', 'server_name localhost;').replace(/ *ssl_certificate\S* +\S+;\n/g, '').replaceAll('http://127.0.0.1:8400', doorward).replace('127.0.0.1:9000', `127.0.0.1:${behind}`);
    const config = join(folder, 'nginx.conf');
    mkdirSync(join(folder, 'nginx'), { recursive: true });
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/nginx/${name};`).join('\n');
    writeFileSync(config, `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log; worker_processes 1; events {}\nhttp { access_log off; ${paths}\n${server}\n}`);
    return spawn('nginx', ['-c', config, '-e', join(folder, 'nginx.log')]);
  },
  caddy(port, behind, doorward) {
    const text = readFileSync(join(examples, 'forward-auth.Caddyfile'), 'utf8').replace('{$HOST:notes.example.com} {', `{\n\tadmin off\n\tauto_https off\n}\nhttp://localhost:${port} {`).replaceAll('{$DOORWARD:127.0.0.1:8400}', doorward.replace('http://', '')).replace('{$PROGRAM:127.0.0.1:9000}', `127.0.0.1:${behind}`);
    const config = join(folder, 'Caddyfile');
    writeFileSync(config, text);
    return spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', config], { env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
  },
};

// A client, from the bare URL to a tool call.
async function use(server, url) {
  const human = new Human(server.url, 'ada', PASSWORD);
  const { client, memory } = await connected('Client', url, human);
  const answer = await client.callTool({ name: 'who', arguments: {} });
  await client.close();
  return { said: answer.content[0].text, token: memory.tokens.access_token };
}

// A request as a browser sends it when it opens a page: `fetch` would say that a script sends it.
function navigate(url, headers, form) {
  const body = form && new URLSearchParams(form).toString();
  return new Promise((done, fail) => {
    const request = send(url, { method: body ? 'POST' : 'GET', headers: { ...headers, ...(body && { 'content-length': body.length }), 'sec-fetch-mode': 'navigate' } }, response => {
      let text = '';
      response.on('data', chunk => { text += chunk; });
      response.on('end', () => done({ status: response.statusCode, location: response.headers.location, cookies: response.headers['set-cookie'] ?? [], text }));
    });
    request.on('error', fail);
    request.end(body);
  });
}

// A browser without JavaScript: it keeps cookies of each host, and follows redirects and the refresh of a page.
class Browser {
  jars = new Map();

  async open(url, form) {
    for (let step = 0; step < 15; step += 1) {
      const { host } = new URL(url);
      const jar = this.jars.get(host) ?? new Map();
      this.jars.set(host, jar);
      const headers = { accept: 'text/html', cookie: [...jar].map(pair => pair.join('=')).join('; ') };
      if (form) Object.assign(headers, { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin });
      const answer = await navigate(url, headers, form);
      for (const set of answer.cookies) {
        const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
        if (value) jar.set(name, value); else jar.delete(name);
      }
      form = undefined;
      const { text } = answer;
      const to = answer.location ?? text.match(/http-equiv="refresh" content="0;url=([^"]+)"/)?.[1]?.replaceAll('&amp;', '&');
      if (!to) return { url, status: answer.status, text };
      url = new URL(to, url).href;
    }
    throw new Error('too many redirects');
  }
}

async function through(name) {
  const server = await startServer({ DOORWARD_SERVER__TRUSTED_PROXIES: '127.0.0.1', DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '60' });
  const behind = await program();
  const port = await freePort();
  const site = `http://localhost:${port}`;
  const proxy = PROXIES[name](port, behind.port, server.url);
  let said = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', chunk => { said += chunk; });
  try {
    server.cli('user', 'add', 'ada', '--password-stdin', '--keep-password');
    server.cli('resource', 'add', site, '--name', 'Site', '--scope', 'site:read');
    server.cli('resource', 'add', `${site}/mcp`, '--name', 'Tools', '--scope', 'tools:use');
    let answer;
    for (let attempt = 0; attempt < 50 && !answer; attempt += 1) {
      await sleep(0.2);
      answer = await fetch(`${site}/mcp`, { method: 'POST', body: '{}' }).catch(() => undefined);
    }
    check(answer?.status === 401, `${name}: 401 without a token${answer ? ` (${answer.status})` : `: ${said}`}`);
    const challenge = answer.headers.get('www-authenticate');
    check(challenge === `Bearer resource_metadata="${site}/.well-known/oauth-protected-resource/mcp", scope="tools:use"`, `${name}: the challenge is that of the host (${challenge})`);
    const document = await (await fetch(`${site}/.well-known/oauth-protected-resource/mcp`)).json();
    check(document.resource === `${site}/mcp` && document.authorization_servers[0] === server.url, `${name}: and so is the metadata document`);
    check(behind.seen.length === 0, `${name}: nothing of it reached the program`);

    const { said: who, token } = await use(server, `${site}/mcp`);
    check(who === 'ada', `${name}: from the bare URL to a tool call as ada`);
    check(behind.seen.every(headers => !headers.authorization && !JSON.stringify(headers).includes(token)), `${name}: the program never saw the client's token`);
    const identity = JSON.parse(Buffer.from(behind.seen.at(-1)['x-doorward-identity'].split('.')[1], 'base64url'));
    check(identity.aud === `${site}/mcp` && identity.preferred_username === 'ada', `${name}: it got a signed identity token for itself`);

    const spoofed = { Authorization: `Bearer ${token}`, 'X-Doorward-User': 'root', 'X-Doorward-Roles': 'admin', 'X-Doorward-Email': 'root@example.com', X_Doorward_User: 'root', 'X-Doorward_Roles': 'admin', 'X_Doorward-Email': 'root@example.com', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Uri': '/mcp' };
    const spoof = await fetch(`${site}/mcp`, { method: 'POST', headers: { ...spoofed, 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) });
    const got = behind.seen.at(-1);
    check(spoof.status === 200 && got['x-doorward-user'] === 'ada' && !got['x-doorward-roles'] && !got['x-doorward-email'], `${name}: spoofed headers are dropped`);
    const imitations = Object.keys(got).filter(header => /^x[-_]doorward/.test(header) && header.includes('_'));
    check(imitations.length === 0, `${name}: and so are their imitations with underscores (${imitations})`);
    const before = behind.seen.length;
    const elsewhere = await fetch(site, { headers: { ...spoofed, 'X-Forwarded-Uri': '/mcp' } });
    check(elsewhere.status === 401 && behind.seen.length === before, `${name}: a token for the tools is refused at the pages, whatever is forwarded`);
    check((await fetch(`${site}/x`, { headers: { 'X-Doorward-User': 'root' } })).status === 401 && behind.seen.length === before, `${name}: headers alone open nothing`);

    const browser = new Browser();
    const login = await browser.open(`${site}/reports?year=2026`);
    check(login.url.startsWith(`${server.url}/login`), `${name}: a browser is led to the sign-in`);
    const field = field => login.text.match(new RegExp(`name="${field}" value="([^"]*)"`))?.[1]?.replaceAll('&amp;', '&') ?? '';
    const page = await browser.open(`${server.url}/login`, { csrf: field('csrf'), next: field('next'), name: 'ada', password: PASSWORD });
    check(page.url === `${site}/reports?year=2026` && page.text.includes('Hello ada'), `${name}: and back to its page (${page.url} ${page.status})`);
    check(behind.seen.at(-1)['x-doorward-user'] === 'ada' && behind.seen.at(-1)['x-doorward-client'] in { '': 1, undefined: 1 }, `${name}: the program knows the user`);
    const names = [...browser.jars.get(new URL(site).host).keys()];
    check(names.some(cookie => cookie.startsWith('doorward-user-')), `${name}: with a cookie of that host (${names})`);
    check((await browser.open(`${site}/other`)).text.includes('Hello ada'), `${name}: the next page needs no redirect`);
    const out = await browser.open(`${site}/.doorward/sign-out`);
    check(out.url.startsWith(`${server.url}/logout`), `${name}: signing out leads to Doorward`);
  } finally {
    proxy.kill('SIGTERM');
    server.stop();
  }
}

for (const name of process.argv[2] ? [process.argv[2]] : Object.keys(PROXIES)) await through(name);
console.log(`\n${count.passed} passed`);
process.exit(0);
