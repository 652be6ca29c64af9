// Unmodified servers of the SDKs that are in use, behind one Doorward: each is found out, listed and called; those over HTTP are
// restarted in between.
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const node = join(here, 'node_modules/node/bin/node');
const everything = join(here, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const newer = join(here, '.venv/bin');
const older = join(here, '.venv-older/bin');
const versions = environment => Object.fromEntries(spawnSync(join(environment, 'python'), ['-c', 'from importlib.metadata import distributions\nfor d in distributions(): print(d.name.lower(), d.version)']).stdout.toString().trim().split('\n').map(line => line.split(' ')));
const [old, now] = [versions(older), versions(newer)];
const python = (environment, library, transport) => port => [join(environment, 'python'), ['gateway/sdk_server.py', library, transport, ...(port ? [String(port)] : [])]];
const echo = { tool: 'echo', arguments: { message: 'hello' }, said: 'hello' };
const time = { tool: 'get_current_time', arguments: { timezone: 'UTC' }, said: 'UTC' };

// Name, SDK, kind, path, command, a call.
const SERVERS = [
  ['tsone', 'TypeScript SDK v1', 'stdio', '', () => [node, [everything, 'stdio']], echo],
  ['tsonehttp', 'TypeScript SDK v1', 'http', '/mcp', () => [node, [everything, 'streamableHttp']], echo],
  ['tsonesse', 'TypeScript SDK v1', 'sse', '/sse', () => [node, [everything, 'sse']], echo],
  ['tstwo', 'TypeScript SDK v2', 'stdio', '', () => [node, [join(here, 'gateway/sdk_server.mjs')]], { ...echo, arguments: {} }],
  ['pyone', `Python SDK ${old.mcp}, mcp-server-time`, 'stdio', '', () => [join(older, 'mcp-server-time'), []], time],
  ['pyonehttp', `Python SDK ${old.mcp}`, 'http', '/mcp', python(older, 'mcp', 'http'), echo],
  ['pyonesse', `Python SDK ${old.mcp}`, 'sse', '/sse', python(older, 'mcp', 'sse'), echo],
  ['pytwo', `Python SDK ${now.mcp}`, 'stdio', '', python(newer, 'mcp', 'stdio'), echo],
  ['pytwohttp', `Python SDK ${now.mcp}`, 'http', '/mcp', python(newer, 'mcp', 'http'), echo],
  ['fasttwo', `fastmcp ${old.fastmcp}`, 'stdio', '', python(older, 'fastmcp', 'stdio'), echo],
  ['fasttwohttp', `fastmcp ${old.fastmcp}`, 'http', '/mcp', python(older, 'fastmcp', 'http'), echo],
  ['fastfour', `fastmcp ${now.fastmcp}`, 'stdio', '', python(newer, 'fastmcp', 'stdio'), echo],
  ['fastfourhttp', `fastmcp ${now.fastmcp}`, 'http', '/mcp', python(newer, 'fastmcp', 'http'), echo],
  // Built with rmcp 1.7: it ends if its first request is another than initialize. Its tools need a network.
  ['rustone', `rmcp before 3.0 (cnb-rs-mcp ${old['cnb-rs-mcp']})`, 'stdio', '', () => [join(older, 'cnb-rs-mcp'), []], null],
  // Built with rmcp 3.5, in front of another server.
  ['rustthree', `rmcp 3 (mcp-compressor ${old['mcp-compressor']})`, 'stdio', '', () => [join(older, 'mcp-compressor'), ['--', join(older, 'mcp-server-time')]], { any: true, said: 'get_current_time' }],
  ['proxy', `mcp-proxy ${old['mcp-proxy']}`, 'http', '/mcp', port => [join(older, 'mcp-proxy'), ['--port', String(port), '--', join(older, 'mcp-server-time')]], time],
  ['proxysse', `mcp-proxy ${old['mcp-proxy']}`, 'sse', '/sse', port => [join(older, 'mcp-proxy'), ['--port', String(port), '--', join(older, 'mcp-server-time')]], time],
];

const children = [];
async function listens(port) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try { await fetch(`http://127.0.0.1:${port}/`); return; } catch { await sleep(0.1); }
  }
  throw new Error(`nothing listens at ${port}`);
}
async function begin(command, port) {
  const [program, args] = command(port);
  const child = spawn(program, args, { cwd: here, env: { ...process.env, PORT: String(port) }, stdio: 'ignore' });
  children.push(child);
  await listens(port);
  return child;
}
const ended = child => new Promise(done => { child.once('exit', done); child.kill('SIGKILL'); });
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });

const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600' });
process.on('uncaughtException', error => { console.log(server.log().split('\n').filter(line => /WARN|ERROR/.test(line)).slice(-30).join('\n')); console.log(error); process.exit(1); });
server.cli('user', 'add', 'ann', '--password-stdin', '--keep-password');
const { access_token: token } = await tokens(server, new Human(server.url, 'ann', 'correct horse battery'), { scope: 'mcp:destructive', name: 'Servers' });
const asRoot = process.getuid() === 0 ? ['--set', 'user=root'] : [];
const running = {};
await Promise.all(SERVERS.map(async ([name, , kind, path, command]) => {
  if (kind === 'stdio') {
    const [program, args] = command();
    server.cli('upstream', 'add', name, '--kind', kind, '--set', 'connect_seconds=60', '--set', `working_dir=${here}`, ...asRoot, '--', program, ...args);
  } else {
    const port = await freePort();
    running[name] = { port, child: await begin(command, port) };
    server.cli('upstream', 'add', name, '--kind', kind, '--url', `http://127.0.0.1:${port}${path}`, '--set', 'networks=127.0.0.0/8', '--set', 'http_on_loopback=true');
  }
}));

let id = 0;
async function rpc(method, params) {
  const answer = await fetch(`${server.url}/mcp?surface=direct`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }, body: JSON.stringify({ jsonrpc: '2.0', id: id += 1, method, params }) });
  const text = await answer.text();
  return JSON.parse(text.startsWith('{') ? text : text.split('\n').filter(line => line.startsWith('data: {')).pop().slice(6));
}
async function names() {
  const all = [];
  let cursor;
  do {
    const { result } = await rpc('tools/list', { cursor });
    all.push(...result.tools.map(tool => tool.name));
    cursor = result.nextCursor;
  } while (cursor);
  return all;
}
async function listed(name) {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const own = (await names()).filter(tool => tool.startsWith(`${name}_`));
    if (own.length) return own;
    await sleep(1);
  }
  throw new Error(`${name} is not listed: ${server.cli('upstream', 'list')}`);
}
async function called(name, own, call) {
  const tool = call.any ? own.find(tool => tool.includes('schema') || tool.includes('list')) ?? own[0] : `${name}_${call.tool}`;
  const args = call.any ? { tool_name: 'get_current_time' } : call.arguments;
  return JSON.stringify(await rpc('tools/call', { name: tool, arguments: args }));
}

await names();
for (const [name, title, kind, , command, call] of SERVERS) {
  const own = await listed(name);
  const told = await server.told('upstream', 'test', name);
  check(/connection/.test(told) && !/WRONG/.test(told.split('\n').filter(line => !line.includes('approval')).join('\n')), `${title} over ${kind}: ${own.length} tools; ${told.match(/protocol \S+/)?.[0]}`);
  if (!call) continue;
  const answer = await called(name, own, call);
  check(answer.includes(call.said), `${title} over ${kind}: a call is answered`);
  if (own.includes(`${name}_fail`)) check((await called(name, own, { tool: 'fail', arguments: {} })).includes('"isError":true'), `${title} over ${kind}: a failure is told as one`);
  if (kind === 'stdio') continue;
  // Its sessions are in its memory.
  await ended(running[name].child);
  running[name].child = await begin(command, running[name].port);
  const begun = Date.now();
  let again = await called(name, own, call);
  // The stream of the old transport ended with the server: the next call finds a new one.
  if (kind === 'sse' && !again.includes(call.said)) again = await called(name, own, call);
  check(again.includes(call.said) && Date.now() - begun < 15_000, `${title} over ${kind}: a call after a restart is answered`);
}
server.stop();
console.log(`\n${count.passed} steps passed`);
process.exit(0);
