// The "client" of the conformance suite: it adds the suite's server as an upstream of a running
// Doorward, and then a user calls it through the gateway with an ordinary MCP client, connecting on
// the real pages when that is required.
//   node client-driver.mjs URL      (with DRIVER: Doorward's URL, its data, a token, the user)
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { Human } from '../human.mjs';

const { local, publicUrl, binary, data, env, token, front, asserted, jar } = JSON.parse(process.env.DRIVER);
const url = process.argv.at(-1);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? '';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const name = `c${process.pid.toString(36)}${Date.now().toString(36).slice(-4)}`;
const sleep = ms => new Promise(done => setTimeout(done, ms));
// The pages contain the public URL, which does not resolve here.
const here = address => String(address).replace(publicUrl, local);
const real = globalThis.fetch;
globalThis.fetch = (address, init) => real(typeof address === 'string' || address instanceof URL ? here(address) : address, init);
const cli = (input, ...args) => {
  const done = spawnSync(binary, ['--data-dir', data, ...args], { env, input });
  if (done.status !== 0) throw new Error(`${done.stderr}${done.stdout}`);
};

const settings = ['--set', 'networks=127.0.0.0/8,::1/128', '--set', 'http_on_loopback=true', '--set', 'list_wait_ms=8000'];
const byProvider = scenario === 'auth/enterprise-managed-authorization';
if (byProvider) {
  settings.push('--auth', 'assertion', '--set', 'identity_provider=corp');
  await fetch(`${front}/scenario`, { method: 'POST', body: JSON.stringify(context) });
} else if (scenario.startsWith('auth/client-credentials-')) settings.push('--auth', 'client_credentials', ...await issuer());
else if (scenario === 'auth/wif-jwt-bearer') {
  // The token of the platform, where Kubernetes would project it.
  const file = join(mkdtempSync(join(tmpdir(), 'token-')), 'token');
  writeFileSync(file, context.valid_jwt);
  settings.push('--auth', 'workload', '--set', `assertion_file=${file}`, ...await issuer());
} else if (scenario.startsWith('auth/')) settings.push('--auth', 'oauth');
if (scenario.startsWith('auth/dpop')) settings.push('--set', 'dpop=true');
// The operator's choice: a secret, or a token of the platform, goes to the server that is set and to no other.
async function issuer() {
  const metadata = await real(new URL('/.well-known/oauth-protected-resource/mcp', url)).then(answer => answer.json());
  return ['--set', `issuer=${metadata.authorization_servers[0]}`];
}
const known = byProvider || scenario === 'auth/pre-registration' || scenario === 'auth/wif-jwt-bearer' || scenario.startsWith('auth/client-credentials-');
if (context.client_id && known) settings.push('--set', `client_id=${context.client_id}`, '--secret-stdin');
const secrets = [context.client_secret && `client_secret=${context.client_secret}`, context.private_key_pem && `private_key=${context.private_key_pem}`].filter(Boolean);
cli(secrets.map(secret => `${secret}\n`).join(''), 'upstream', 'add', name, '--kind', 'http', '--url', url, ...settings);
await sleep(1400);

const human = new Human(publicUrl, 'alice', 'correct horse battery', jar);
let connects = 0;
async function connect() {
  connects += 1;
  if (connects > 3) throw new Error('asked to connect again and again');
  let page = await human.fetch(`${publicUrl}/connect/${name}`);
  if (page.location) {
    await human.signIn(await human.fetch(page.location));
    page = await human.fetch(`${publicUrl}/connect/${name}`);
  }
  if (page.status !== 200 && page.html.includes('names another authorization server')) {
    // Users are not sent to another authorization server than before until an administrator accepts it.
    cli('', 'upstream', 'accept', name);
    page = await human.fetch(`${publicUrl}/connect/${name}`);
  }
  if (page.status !== 200) throw new Error(`connecting answered ${page.status}: ${page.html.match(/lead">([^<]+)/)?.[1]}`);
  const away = await human.fetch(`${publicUrl}/connect/${name}`, human.form(page.html, `/connect/${name}`));
  if (!away.location) throw new Error(`beginning answered ${away.status}: ${away.html.match(/lead">([^<]+)/)?.[1]}`);
  const back = await real(away.location, { redirect: 'manual' });
  const done = await human.fetch(back.headers.get('location'));
  if (done.status !== 303) throw new Error(`coming back answered ${done.status}: ${done.html.match(/lead">([^<]+)/)?.[1]}`);
}

const client = new Client({ name: 'driver', version: '1' }, { capabilities: { elicitation: {}, sampling: {} } });
client.setRequestHandler(ElicitRequestSchema, async request => ({ action: 'accept', content: Object.fromEntries(Object.entries(request.params.requestedSchema.properties).map(([key, field]) => [key, field.default ?? (field.type === 'boolean' ? true : field.type === 'string' ? 'text' : 1)])) }));
client.setRequestHandler(CreateMessageRequestSchema, async () => ({ model: 'test', role: 'assistant', content: { type: 'text', text: 'ok' } }));
await client.connect(new StreamableHTTPClientTransport(new URL(`${local}/mcp?surface=direct`), { requestInit: { headers: { authorization: `Bearer ${byProvider ? asserted : token}` } } }));
const value = (key, field) => ({ a: 5, b: 3 }[key] ?? field.default ?? ({ string: field.enum?.[0] ?? 'us-west1', number: 1.5, integer: 42, boolean: true, array: [], object: {} }[field.type] ?? 'x'));

try {
  for (let round = 0; round < 5; round += 1) {
    const tools = (await client.listTools()).tools.filter(tool => tool.name.startsWith(`${name}_`));
    // On a busy machine the server has not seen the upstream yet, or the upstream has not listed its tools.
    if (tools.length === 0) { await sleep(1000); continue; }
    if (tools.length === 1 && tools[0].name === `${name}_connect`) { await connect(); continue; }
    let again = false;
    // The suite may say what is to be called; else every tool is, with values that fit.
    const wanted = context.toolCalls?.map(call => ({ ...tools.find(tool => tool.name === `${name}_${call.name}`), given: call.arguments })).filter(tool => tool.name);
    for (const tool of wanted ?? tools) {
      const args = tool.given ?? Object.fromEntries(Object.entries(tool.inputSchema.properties ?? {}).map(([key, field]) => [key, value(key, field)]));
      let answer = await client.callTool({ name: tool.name, arguments: args }, undefined, { timeout: 15_000 }).catch(error => ({ isError: true, content: [{ text: String(error) }] }));
      console.log(tool.name.slice(name.length + 1), JSON.stringify(answer).slice(0, 300));
      if (answer.isError && answer.content[0]?.text?.includes('/connect/')) { await connect(); again = true; break; }
    }
    if (!again) break;
  }
} catch (error) {
  // A request that a careful client refuses ends here; the suite judges the refusal.
  console.log(`stopped: ${error.message}`);
  process.exitCode = context.expectError === false ? 1 : 0;
  if (/iss|mismatch|migration|retry-limit/.test(scenario)) process.exitCode = 1;
}
await client.close();
cli('', 'upstream', 'delete', name);
process.exit();
