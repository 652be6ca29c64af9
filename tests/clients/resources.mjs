// External resource servers: the code that `doorward resource show` prints for FastMCP and the TypeScript SDK runs unchanged, and
// an unmodified client gets from the bare URL of each to a tool call. A token for one is refused by the other and by Doorward.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, count, sleep } from './check.mjs';
import { Human } from './human.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { connected } from './sdk-client.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const PASSWORD = 'correct horse battery';

const server = await startServer();
// The scripts lie beside the packages that they import.
const folder = mkdtempSync(join(here, '.resources-'));
const started = [];
let said = '';

async function resource(name, scopes, snippet, file, command) {
  const url = `http://127.0.0.1:${await freePort()}/mcp`;
  const args = scopes.flatMap(scope => ['--scope', scope]);
  const { id, secret } = JSON.parse(server.cli('--json', 'resource', 'add', url, '--name', name, ...args));
  const shown = JSON.parse(server.cli('--json', 'resource', 'show', url));
  const script = join(folder, file);
  writeFileSync(script, shown.snippets.find(one => one.title === snippet).code);
  const running = spawn(command, [script], { cwd: folder });
  for (const stream of [running.stdout, running.stderr]) stream.on('data', chunk => { said += chunk; });
  started.push(running);
  let answer;
  for (let attempt = 0; attempt < 100 && !answer; attempt += 1) {
    await sleep(0.2);
    answer = await fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined);
  }
  check(answer?.status === 401, `${name}: without a token it answers 401${answer ? '' : `: ${said}`}`);
  const challenge = answer.headers.get('www-authenticate');
  check(challenge.includes(`resource_metadata="${shown.metadata_url}"`), `${name}: the challenge names its metadata document`);
  const served = await (await fetch(shown.metadata_url)).json();
  check(served.resource === url && served.authorization_servers[0].replace(/\/$/, '') === server.url, `${name}: the document that it serves is the one that Doorward printed`);
  return { name, url, id, secret, scopes };
}

// An unmodified client, from the bare URL to a tool call. Returns its access token.
async function use({ name, url, scopes }) {
  const human = new Human(server.url, 'ada', PASSWORD);
  const { client, memory } = await connected(`Client of ${name}`, url, human);
  check(memory.authorize.searchParams.get('resource') === url, `${name}: the client asks for it by its URL`);
  const answer = await client.callTool({ name: 'hello', arguments: {} });
  check(JSON.stringify(answer.content).includes('hello'), `${name}: a tool call`);
  check(scopes.includes(memory.tokens.scope.split(' ')[0]), `${name}: the token has its scope (${memory.tokens.scope})`);
  await client.close();
  return memory.tokens.access_token;
}

async function status(url, token) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json', 'MCP-Protocol-Version': '2025-11-25' };
  return (await fetch(url, { method: 'POST', headers, body })).status;
}

async function introspect({ id, secret }, token) {
  const headers = { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`, 'Content-Type': 'application/x-www-form-urlencoded' };
  return (await fetch(`${server.url}/oauth/introspect`, { method: 'POST', headers, body: new URLSearchParams({ token }) })).json();
}

try {
  server.cli('user', 'add', 'ada', '--password-stdin', '--keep-password');
  const notes = await resource('FastMCP', ['notes:read', 'notes:write'], 'FastMCP (Python)', 'notes.py', join(here, '.venv/bin/python'));
  const board = await resource('TypeScript', ['board:read'], 'MCP TypeScript SDK', 'board.mjs', process.execPath);
  for (const [own, other] of [[notes, board], [board, notes]]) {
    const token = await use(own);
    check(await status(own.url, token) !== 401, `${own.name}: accepts its token`);
    check(await status(other.url, token) === 401, `${own.name}: its token is refused by ${other.name}`);
    check(await status(`${server.url}/mcp`, token) === 401, `${own.name}: its token is refused at /mcp`);
    check((await introspect(own, token)).active === true, `${own.name}: may introspect it`);
    check((await introspect(other, token)).active === false, `${own.name}: ${other.name} may not`);
  }
} finally {
  for (const running of started) running.kill('SIGTERM');
  server.stop();
}
rmSync(folder, { recursive: true });
console.log(`\n${count.passed} passed`);
process.exit(0);
