// Doorward behind real reverse proxies with TLS, by the examples in deploy/proxies: unmodified clients complete the flow through them,
// events come as they are sent, and a long call is not cut off. Forwarded headers of clients change nothing.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const examples = join(here, '../../deploy/proxies');
const PASSWORD = 'correct horse battery';
const folder = mkdtempSync(join(tmpdir(), 'doorward-proxies-'));

function certificate() {
  const [key, file] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', file, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:TRUE']);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return { key, file };
}

const { key, file } = certificate();

// Each example unchanged, with the name, the ports and the certificate of this test.
const PROXIES = {
  caddy(port, upstream) {
    const text = readFileSync(join(examples, 'Caddyfile'), 'utf8').replace('{$HOST:mcp.example.com} {', `{\n\tadmin off\n\tauto_https off\n}\nhttps://localhost:${port} {\n\ttls ${file} ${key}`).replace('{$UPSTREAM:127.0.0.1:8400}', upstream);
    const config = join(folder, 'Caddyfile');
    writeFileSync(config, text);
    return spawn('caddy', ['run', '--adapter', 'caddyfile', '--config', config], { env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
  },
  nginx(port, upstream) {
    const server = readFileSync(join(examples, 'nginx.conf'), 'utf8').replace('listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`).replace('server_name mcp.example.com;', 'server_name localhost;').replace(/ssl_certificate +\S+;/, `ssl_certificate ${file};`).replace(/ssl_certificate_key +\S+;/, `ssl_certificate_key ${key};`).replace('http://127.0.0.1:8400', `http://${upstream}`).replace('proxy_set_header Host $host;', 'proxy_set_header Host $http_host;');
    const config = join(folder, 'nginx.conf');
    mkdirSync(join(folder, 'nginx'), { recursive: true });
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/nginx/${name};`).join('\n');
    writeFileSync(config, `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log; worker_processes 1; events {}\nhttp { access_log off; ${paths}\n${server}\n}`);
    return spawn('nginx', ['-c', config, '-e', join(folder, 'nginx.log')]);
  },
};

async function throughProxy(name) {
  const [port, inner] = [await freePort(), await freePort()];
  const url = `https://localhost:${port}`;
  const server = await startServer({ DOORWARD_SERVER__PUBLIC_URL: url, DOORWARD_SERVER__TRUSTED_PROXIES: '127.0.0.1' }, ['--listen', `127.0.0.1:${inner}`]);
  const proxy = PROXIES[name](port, `127.0.0.1:${inner}`);
  let said = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', chunk => { said += chunk; });
  proxy.on('error', error => { said += error; });
  const fetchFrom = async path => spawnSync('curl', ['-sS', '--cacert', file, '--max-time', '5', `${url}${path}`]);
  let up = false;
  for (let attempt = 0; attempt < 50 && !up; attempt += 1) {
    up = (await fetchFrom('/healthz')).stdout.toString().includes('"ok"');
    if (!up) await sleep(0.2);
  }
  check(up, `${name}: answers over TLS${up ? '' : `: ${said}`}`);
  const metadata = JSON.parse((await fetchFrom('/.well-known/oauth-authorization-server')).stdout);
  check(metadata.issuer === url, `${name}: the issuer is the public URL`);
  for (const [index, [command, ...args]] of [[process.execPath, 'ts-v1.mjs'], [process.execPath, 'ts-v2.mjs', 'modern'], [join(here, '.venv/bin/python'), 'py_mcp.py', 'auto']].entries()) {
    const user = `user${index}`;
    server.cli('user', 'add', user, '--password-stdin', '--keep-password');
    const env = { ...process.env, DOORWARD_URL: url, HUMAN_NAME: user, HUMAN_PASSWORD: PASSWORD, TOKEN_SECONDS: '4', NODE: process.execPath, NODE_EXTRA_CA_CERTS: file, SSL_CERT_FILE: file, REQUESTS_CA_BUNDLE: file, HUMAN_JAR: join(mkdtempSync(join(tmpdir(), 'jar-')), 'jar') };
    const client = spawn(command, args, { cwd: here, env });
    let text = '';
    for (const stream of [client.stdout, client.stderr]) stream.on('data', chunk => { text += chunk; });
    const timer = setTimeout(() => client.kill('SIGKILL'), 150_000);
    const code = await new Promise(done => client.on('exit', done));
    clearTimeout(timer);
    check(code === 0, `${name}: ${args.join(' ')} goes its whole way (${text.match(/^ok - /gm)?.length ?? 0} steps)${code === 0 ? '' : `\n${text.split('\n').slice(-30).join('\n')}`}`);
  }
  // Progress of a call that takes seconds must come while it runs, not at its end.
  server.cli('user', 'add', 'worker', '--password-stdin', '--keep-password');
  const made = JSON.parse(server.cliWith('', '--json', 'token', 'create', 'x', '--user', 'worker'));
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'wait', arguments: { seconds: 3 }, _meta: { progressToken: 'p' } } });
  const call = spawn('curl', ['-sSN', '--cacert', file, '-H', `Authorization: Bearer ${made.value}`, '-H', 'Accept: application/json, text/event-stream', '-H', 'Content-Type: application/json', '-H', 'MCP-Protocol-Version: 2025-11-25', '-H', 'X-Forwarded-For: 203.0.113.66', '-H', 'X-Forwarded-Host: evil.example', '-d', body, `${url}/mcp-key`]);
  const began = Date.now();
  const times = [];
  call.stdout.on('data', () => times.push(Date.now() - began));
  await new Promise(done => call.on('exit', done));
  check(times.length >= 2 && times.at(-1) - times[0] > 1000, `${name}: events come as they are sent (after ${times.join(', ')} ms)`);
  await sleep(0.5);
  const audit = server.cliWith('', '--json', 'audit', '--kind', 'tool.called', '--user', 'worker').trim().split('\n').map(line => JSON.parse(line));
  check(audit.at(-1).address === '127.0.0.1', `${name}: a forged X-Forwarded-For is not believed (${audit.at(-1).address})`);
  proxy.kill('SIGTERM');
  server.stop();
}

for (const name of Object.keys(PROXIES)) await throughProxy(name);
console.log(`\n${count.passed} passed`);
process.exit(0);
