// The gateway against real servers and clients, all at the same time behind one Doorward.
import { spawn } from 'node:child_process';
import { writeFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as v1types from '@modelcontextprotocol/sdk/types.js';
import { Client as Client2, StreamableHTTPClientTransport as Transport2 } from '@modelcontextprotocol/client';
import { Human } from './human.mjs';
import { freePort } from './ports.mjs';
import { startServer } from './run.mjs';
import { startService } from './gateway/openapi_service.mjs';
import { tokens } from './tokens.mjs';
import { check, count, sleep } from './check.mjs';
import { untilListed } from './until-listed.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const node = join(here, 'node_modules/node/bin/node');
const everything = join(here, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const python = join(here, '.venv/bin/python');
const children = [];
const background = (command, args, env = {}) => {
  const child = spawn(command, args, { cwd: here, env: { ...process.env, ...env } });
  child.text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { child.text += chunk; });
  children.push(child);
  return child;
};
const reachable = async url => {
  for (let attempt = 0; attempt < 150; attempt += 1) {
    try { await fetch(url); return; } catch { await sleep(0.1); }
  }
  throw new Error(`${url} does not come up`);
};

process.on('uncaughtException', error => { console.log(server.log().split('\n').filter(line => /WARN|ERROR|upstream/.test(line)).slice(-30).join('\n')); console.log(error); process.exit(1); });
const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600', DOORWARD_POLICY__RULES: 'confirm upstream=things class=destructive' });
const users = {};
for (const name of ['ann', 'bob']) {
  server.cli('user', 'add', name, '--password-stdin', '--keep-password');
  users[name] = new Human(server.url, name, 'correct horse battery');
}

const httpPort = await freePort();
background(node, [everything, 'streamableHttp'], { PORT: String(httpPort) });
const notesPort = await freePort();
background(python, ['gateway/notes_server.py', String(notesPort)]);
const service = await startService();
await reachable(`http://127.0.0.1:${httpPort}/`);
await reachable(`http://127.0.0.1:${notesPort}/`);
const local = ['--set', 'networks=127.0.0.0/8', '--set', 'http_on_loopback=true'];
// A server of root runs local programs as users of their own, which may have no access to the
// folder of the tests.
const asRoot = process.getuid() === 0 ? ['--set', 'user=root'] : [];
server.cli('upstream', 'add', 'every', '--kind', 'stdio', '--set', 'capabilities=elicitation,sampling,roots', ...asRoot, '--', node, everything, 'stdio');
server.cli('upstream', 'add', 'everyhttp', '--kind', 'http', '--url', `http://127.0.0.1:${httpPort}/mcp`, '--set', 'capabilities=elicitation,sampling,roots', ...local);
server.cli('upstream', 'add', 'notes', '--kind', 'http', '--url', `http://127.0.0.1:${notesPort}/mcp`, '--auth', 'oauth', ...local);
server.cliWith('header=X-API-Key: sealed-key', 'upstream', 'add', 'things', '--kind', 'openapi', '--set', `document=${service.url}/openapi.json`, '--auth', 'header', '--secret-stdin', ...local);
server.cli('upstream', 'add', 'dead', '--kind', 'http', '--url', 'http://127.0.0.1:9/mcp', ...local);
console.log(server.cli('upstream', 'list'));

const held = {};
for (const name of ['ann', 'bob']) held[name] = (await tokens(server, users[name], { scope: 'mcp:destructive', name: 'Gateway test' })).access_token;

async function legacy(name, path = '/mcp', capabilities = {}) {
  const client = new Client({ name: 'gateway-test', version: '1' }, { capabilities });
  client.transport_ = new StreamableHTTPClientTransport(new URL(`${server.url}${path}`), { requestInit: { headers: { authorization: `Bearer ${held[name]}` } } });
  return client;
}

await untilListed(server, held.ann, ['every', 'everyhttp', 'things']);
const ann = await legacy('ann', '/mcp?surface=direct', { elicitation: {}, sampling: {}, roots: {} });
ann.setRequestHandler(v1types.ElicitRequestSchema, async request => {
  const fields = request.params.requestedSchema.properties;
  return { action: 'accept', content: fields.confirm ? { confirm: true } : { name: 'Ann', check: true, color: '#00ff00', email: 'ann@example.com', homepage: 'https://example.com', birthdate: '2000-01-01', integer: 1, number: 1.5, petType: 'cats' } };
});
ann.setRequestHandler(v1types.CreateMessageRequestSchema, async request => ({ model: 'test', role: 'assistant', content: { type: 'text', text: `sampled ${JSON.stringify(request.params.messages).length > 10}` } }));
ann.setRequestHandler(v1types.ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///tmp/ann', name: 'ann' }] }));
const started = Date.now();
await ann.connect(ann.transport_);
console.log(JSON.stringify(ann.getServerCapabilities()));
check(ann.getServerCapabilities().prompts && ann.getServerCapabilities().resources, 'the aggregate offers prompts and resources');
const all = [];
let cursor;
do {
  const page = await ann.listTools({ cursor });
  all.push(...page.tools);
  cursor = page.nextCursor;
} while (cursor);
const names = all.map(tool => tool.name);
console.log(`listed ${names.length} tools in ${Date.now() - started} ms`);
check(names.includes('every_echo') && names.includes('everyhttp_echo') && names.includes('things_list_kind00') && names.includes('whoami'), 'tools of stdio, HTTP and OpenAPI upstreams are listed together');
check(names.filter(name => name.startsWith('things_')).length === service.operations, `all ${service.operations} operations of the API are tools`);
check(!names.some(name => name.startsWith('dead_')), 'an upstream that is down has no tools and hides no tools of others');
check(names.every(name => /^[a-zA-Z0-9_-]{1,64}$/.test(name)) && new Set(names).size === names.length, 'names are short, plain and unique');
check(JSON.stringify([...names].sort()) === JSON.stringify(names), 'tools come in order');
check(names.includes('notes_connect') && all.find(tool => tool.name === 'connections'), 'an upstream without this user\'s access offers to connect');

for (const upstream of ['every', 'everyhttp']) {
  const echoed = await ann.callTool({ name: `${upstream}_echo`, arguments: { message: 'hello' } });
  check(echoed.content[0].text.includes('hello'), `${upstream}: a call goes through`);
  const progress = [];
  await ann.callTool({ name: `${upstream}_trigger-long-running-operation`, arguments: { duration: 1, steps: 4 } }, undefined, { onprogress: step => progress.push(step.progress) });
  check(progress.length >= 3, `${upstream}: progress passes (${progress})`);
  const sampled = await ann.callTool({ name: `${upstream}_trigger-sampling-request`, arguments: { prompt: 'x', maxTokens: 10 } });
  check(JSON.stringify(sampled.content).includes('sampled true'), `${upstream}: the upstream asks the client's model`);
  const elicited = await ann.callTool({ name: `${upstream}_trigger-elicitation-request`, arguments: {} });
  check(JSON.stringify(elicited.content).includes('Ann'), `${upstream}: the upstream asks the user`);
}
const image = await ann.callTool({ name: 'every_get-tiny-image', arguments: {} });
check(image.content.some(block => block.type === 'image'), 'images pass');
const prompts = await ann.listPrompts();
check(prompts.prompts.some(prompt => prompt.name === 'every_simple-prompt'), 'prompts are listed with their prefix');
const prompt = await ann.getPrompt({ name: 'every_simple-prompt' });
check(prompt.messages.length > 0, 'a prompt is filled in');
const resources = await ann.listResources();
const one = resources.resources.find(resource => resource.uri.startsWith('every+'));
check(one, 'resources are listed under their upstream');
const read = await ann.readResource({ uri: one.uri });
check(read.contents[0].uri === one.uri, 'a resource is read by that address');

// The API: the key is added here, the client's token goes nowhere.
const listed = await ann.callTool({ name: 'things_get_kind07', arguments: { id: '../kind08/x' } });
check(listed.structuredContent.key === 'sealed-key' && listed.structuredContent.authorization === null, 'the fixed key reaches the API, the client\'s token does not (G1)');
check(listed.structuredContent.url === '/kind07/..%2Fkind08%2Fx', 'a path argument stays one segment (GW-10)');
const removed = await ann.callTool({ name: 'things_delete_kind07', arguments: { id: '1' } });
check(removed.structuredContent?.method === 'DELETE', 'a destructive call goes through once the user confirmed it in a form');

// Connecting in the middle of work: an older client gets a link.
const asked = await ann.callTool({ name: 'notes_connect', arguments: {} });
check(asked.isError && asked.content[0].text.includes(`${server.url}/connect/notes`), 'calling without access answers with a link to our own page');
async function connect(name) {
  const human = users[name];
  const page = await human.fetch(`${server.url}/connect/notes`);
  if (!page.html.includes('action="/connect/notes"')) throw new Error(page.html);
  const away = await human.fetch(`${server.url}/connect/notes`, human.form(page.html, '/connect/notes'));
  // fastmcp's in-memory provider agrees at once.
  const back = await fetch(away.location, { redirect: 'manual' });
  const done = await human.fetch(back.headers.get('location'));
  if (done.status !== 303) throw new Error(`coming back answered ${done.status}: ${done.html}`);
  const last = await human.fetch(done.location);
  return last.html.includes('is connected');
}
check(await connect('ann'), 'ann connects her account on the real pages');
const after = (await ann.listTools()).tools.map(tool => tool.name);
check(after.includes('notes_list_notes') && !after.includes('notes_connect'), 'its tools appear');
const annToken = (await ann.callTool({ name: 'notes_whose_token', arguments: {} })).content[0].text;

const bob = await legacy('bob', '/mcp?surface=direct');
await bob.connect(bob.transport_);
const refused = await bob.callTool({ name: 'notes_whose_token', arguments: {} });
check(refused.isError && refused.content[0].text.includes('/connect/notes'), 'bob, who has not connected, gets a link and not ann\'s access');
check(await connect('bob'), 'bob connects his own');
const bobToken = (await bob.callTool({ name: 'notes_whose_token', arguments: {} })).content[0].text;
check(annToken !== bobToken && annToken !== 'none', 'each calls with their own token');

// A client that cannot be asked gets a code by the page (CW13).
const wants = await bob.callTool({ name: 'things_delete_kind01', arguments: { id: '5' } });
const link = wants.content[0].text.match(/http\S+\/confirm\/\S+/)?.[0];
check(wants.isError && link, 'a destructive call of a client without forms is not made');
const page = await users.bob.fetch(link);
check(page.html.includes('things_delete_kind01') && page.html.includes('&#34;5&#34;'), 'the page shows the call and its arguments');
const agreed = await users.bob.fetch(link, users.bob.form(page.html, new URL(link).pathname));
const code = agreed.html.match(/<code class="big">([^<]+)</)[1];
check((await users.ann.fetch(link)).status === 404, 'for another user that page does not exist');
check((await bob.callTool({ name: 'things_delete_kind01', arguments: { id: '6', confirm_write: code } })).isError, 'the code is for these arguments only');
const done = await bob.callTool({ name: 'things_delete_kind01', arguments: { id: '5', confirm_write: code } });
check(done.structuredContent?.url === '/kind01/5', 'with the code the call is made');
check((await bob.callTool({ name: 'things_delete_kind01', arguments: { id: '5', confirm_write: code } })).isError, 'the code works once');

// A client of 2026-07-28.
const modern = new Client2({ name: 'gateway-modern', version: '1' }, { capabilities: { elicitation: { form: {}, url: {} } }, versionNegotiation: { mode: 'auto' } });
modern.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { confirm: true, name: 'Modern', check: true, color: '#00ff00', email: 'm@example.com', homepage: 'https://example.com', birthdate: '2000-01-01', integer: 1, number: 1.5, petType: 'cats' } }));
await modern.connect(new Transport2(new URL(`${server.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${held.ann}` } } }));
const few = (await modern.listTools()).tools.map(tool => tool.name);
check(few.includes('search_tools') && few.includes('call_tool') && few.length < 20, 'a client with too many tools gets three that lead to all');
const found = await modern.callTool({ name: 'search_tools', arguments: { query: 'list things of kind33' } });
check(found.structuredContent.tools[0].name === 'things_list_kind33', 'searching finds');
const called = await modern.callTool({ name: 'call_tool', arguments: { name: 'things_list_kind33', arguments: { limit: 3 } } });
check(called.content[0].text.includes('limit=3'), 'calling through call_tool works');
const parked = await modern.callTool({ name: 'everyhttp_trigger-elicitation-request', arguments: {} });
check(JSON.stringify(parked.content).includes('Modern'), 'an older upstream asks a newer client by input_required');
const confirmed = await modern.callTool({ name: 'things_delete_kind02', arguments: { id: '9' } });
check(confirmed.structuredContent?.url === '/kind02/9', 'a newer client confirms by input_required');

const list = await ann.callTool({ name: 'connections', arguments: {} });
const states = Object.fromEntries(list.structuredContent.services.map(service => [service.name, service.state]));
check(states.dead === 'unreachable' && states.notes === 'ready' && states.every === 'ready', `connections tells each upstream's state (${JSON.stringify(states)})`);

// One upstream alone, with an audience of its own.
const alone = await tokens(server, users.ann, { resource: `${server.url}/mcp/every`, name: 'One upstream' });
const single = new Client({ name: 'single', version: '1' });
await single.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp/every`), { requestInit: { headers: { authorization: `Bearer ${alone.access_token}` } } }));
const own = (await single.listTools()).tools.map(tool => tool.name);
check(own.includes('echo') && !own.includes('whoami'), 'at its own address an upstream\'s tools have their own names');
const wrong = await fetch(`${server.url}/mcp`, { method: 'POST', headers: { authorization: `Bearer ${alone.access_token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{}' });
check(wrong.status === 401, 'a token for one upstream opens no other address');

console.log(server.cli('upstream', 'test', 'every'));
mkdirSync(join(here, '../output'), { recursive: true });
writeFileSync(join(here, '../output/gateway-server.log'), server.log());
const leaked = server.log().match(/sealed-key|dw_(ac|rt|se|cs|ln)_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+\./);
check(!leaked, 'no secret in the log at level debug');
for (const client of [ann, bob, single, modern]) await client.close();
server.stop();
service.stop();
await sleep(3);
const left = (await new Promise(done => { const ps = spawn('pgrep', ['-f', 'server-everything/dist/index.js stdio']); let text = ''; ps.stdout.on('data', chunk => { text += chunk; }); ps.on('exit', () => done(text)); })).trim();
check(left === '', `no process is left behind ${left}`);
for (const child of children) child.kill('SIGKILL');
console.log(`\n${count.passed} steps passed`);
process.exit(0);
