// Starts the release binary and lets every client go its whole way. Prints one line a client and ends with a count.
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const binary = resolve(process.env.DOORWARD_BINARY ?? join(here, '../../target/debug/doorward'));
const output = join(here, '../output');
mkdirSync(output, { recursive: true });
const TOKEN_SECONDS = '4';
const PASSWORD = 'correct horse battery';
const python = join(here, '.venv/bin/python');
const version = name => JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8')).version;
const pyVersion = name => spawnSync(python, ['-c', `from importlib.metadata import version; print(version("${name}"))`]).stdout?.toString().trim();

export async function startServer(extra = {}, listen = ['--listen', '127.0.0.1:0']) {
  const data = mkdtempSync(join(tmpdir(), 'doorward-clients-'));
  const env = { PATH: process.env.PATH, DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: TOKEN_SECONDS, DOORWARD_LOG__LEVEL: 'debug', ...extra };
  if (process.env.DOORWARD_CLIENTS_DATABASE) env.DOORWARD_STORE__URL = process.env.DOORWARD_CLIENTS_DATABASE;
  const server = spawn(binary, ['serve', '--data-dir', data, ...listen], { env });
  // A script that ends early leaves no server behind.
  process.on('exit', () => server.kill('SIGTERM'));
  const log = [];
  server.stderr.on('data', chunk => log.push(chunk));
  let printed = '';
  await new Promise((ready, fail) => {
    server.stdout.on('data', chunk => { printed += chunk; if (/First step[^\n]*\n[^\n]*\n\n/.test(printed) || /Your page[^\n]*\n\n/.test(printed)) ready(); });
    server.on('exit', code => fail(new Error(`the server ended with ${code}: ${Buffer.concat(log)}`)));
  });
  const url = printed.match(/MCP URL\s+(\S+)\/mcp/)[1];
  const adminLink = printed.match(/First step\s+(\S+)/)?.[1];
  const cliWith = (input, ...args) => {
    const done = spawnSync(binary, ['--data-dir', data, ...args], { env, input: `${input}\n` });
    if (done.status !== 0) throw new Error(`${args}: ${done.stderr}${done.stdout}`);
    return done.stdout.toString();
  };
  const cli = (...args) => cliWith(PASSWORD, ...args);
  // The output of a command, also if it finds something wrong. A service of this process answers meanwhile.
  const told = (...args) => new Promise(done => {
    const command = spawn(binary, ['--data-dir', data, ...args], { env });
    let text = '';
    command.stdin.end(`${PASSWORD}\n`);
    command.stdout.on('data', chunk => { text += chunk; });
    command.on('close', () => done(text));
  });
  return { url, adminLink, cli, cliWith, told, data, log: () => Buffer.concat(log).toString(), stop: () => server.kill('SIGTERM') };
}

const node = (...args) => [process.execPath, args];
const CLIENTS = [
  [`@modelcontextprotocol/sdk ${version('@modelcontextprotocol/sdk')}`, node('ts-v1.mjs')],
  [`@modelcontextprotocol/client ${version('@modelcontextprotocol/client')}, legacy`, node('ts-v2.mjs', 'legacy')],
  [`@modelcontextprotocol/client ${version('@modelcontextprotocol/client')}, modern`, node('ts-v2.mjs', 'modern')],
  [`mcp-remote ${version('mcp-remote')}`, node('mcp-remote.mjs')],
  [`mcp-remote ${version('mcp-remote')} --device-code`, node('device.mjs')],
  [`@modelcontextprotocol/inspector ${version('@modelcontextprotocol/inspector')}`, node('inspector.mjs')],
  [`oauth4webapi ${version('oauth4webapi')} and openid-client ${version('openid-client')}, PAR and DPoP`, node('dpop.mjs')],
  [`Python mcp ${pyVersion('mcp')}, legacy`, [python, ['py_mcp.py', 'legacy']]],
  [`Python mcp ${pyVersion('mcp')}, auto`, [python, ['py_mcp.py', 'auto']]],
  [`fastmcp ${pyVersion('fastmcp')}`, [python, ['fastmcp_client.py']]],
  [`@modelcontextprotocol/sdk ${version('@modelcontextprotocol/sdk')}, as a service`, node('ts-services.mjs'), service],
  [`Python mcp ${pyVersion('mcp')}, as a service`, [python, ['py_services.py']], service],
  [`Authlib ${pyVersion('Authlib')}, and relying parties like Grafana and oauth2-proxy`, [python, ['py_openid.py']], party],
];

// A relying party of a user with an e-mail address and a role, and the client of a service.
function party(server, name) {
  const CALLBACK = 'http://127.0.0.1:7777/login/generic_oauth';
  server.cli('user', 'add', name, '--email', `${name}@example.com`, '--role', 'auditor', '--password-stdin', '--keep-password');
  const added = JSON.parse(server.cli('--json', 'client', 'add', `${name} party`, '--openid', '--redirect-uri', CALLBACK, '--auth-method', 'client_secret_basic'));
  return { ...service(server, `${name}-service`), HUMAN_NAME: name, HUMAN_PASSWORD: PASSWORD, CALLBACK, PARTY_CLIENT: added.client_id, PARTY_SECRET: added.client_secret };
}

// Two clients of a service: one with a secret, one with a key pair.
function service(server, name) {
  const add = (...args) => JSON.parse(server.cli('--json', 'client', 'add', name, '--service', name, '--scope', 'mcp:read', ...args));
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(mkdtempSync(join(tmpdir(), 'keys-')), 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] }));
  const [secret, key] = [add(), add('--auth-method', 'private_key_jwt', '--jwks', file)];
  return { SERVICE: name, SECRET_CLIENT: secret.client_id, SECRET: secret.client_secret, KEY_CLIENT: key.client_id, KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

function user(server, name) {
  server.cli('user', 'add', name, '--password-stdin', '--keep-password');
  return { HUMAN_NAME: name, HUMAN_PASSWORD: PASSWORD };
}

async function main() {
  const only = process.argv[2];
  const server = await startServer();
  let [passed, failed] = [0, 0];
  for (const [index, [title, [command, args], account = user]] of CLIENTS.entries()) {
    if (only && !title.includes(only)) continue;
    const name = `user${index}`;
    const env = { ...process.env, ...account(server, name), DOORWARD_URL: server.url, TOKEN_SECONDS, NODE: process.execPath, HUMAN_JAR: join(mkdtempSync(join(tmpdir(), 'jar-')), 'jar') };
    const client = spawn(command, args, { cwd: here, env });
    let text = '';
    for (const stream of [client.stdout, client.stderr]) stream.on('data', chunk => { text += chunk; });
    const timer = setTimeout(() => client.kill('SIGKILL'), 150_000);
    const code = await new Promise(done => client.on('exit', done));
    clearTimeout(timer);
    writeFileSync(join(output, `client-${index}.log`), text);
    if (code === 0) passed += 1; else failed += 1;
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${title} (${text.match(/^ok - /gm)?.length ?? 0} steps)`);
    if (code !== 0) console.log(text.split('\n').slice(-40).join('\n'));
  }
  const log = server.log();
  writeFileSync(join(output, 'server.log'), log);
  // Promise 3: no secret is readable from the log, at any level.
  const leaked = log.match(/dw_(ac|rt|se|cs|ln|dc|pr|ra)_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+\.|correct horse/);
  if (leaked) failed += 1; else passed += 1;
  console.log(leaked ? `FAILED the log holds a secret: ${leaked[0].slice(0, 12)}…` : `ok     no secret in ${log.split('\n').length} lines of log at level debug`);
  server.stop();
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
