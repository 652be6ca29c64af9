// mcp-remote, unmodified: a stdio client talks through it; it opens the "browser" by the desktop's
// opener, which is human.mjs here.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { mkdtempSync, writeFileSync, chmodSync, readFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { EXPECTED_TOOLS, check, sleep } from './check.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, TOKEN_SECONDS } = process.env;
const here = dirname(fileURLToPath(import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'doorward-mcp-remote-'));
const jar = join(home, 'jar.json');
const log = join(home, 'opened');
for (const opener of ['xdg-open', 'open', 'www-browser']) {
  const path = join(home, opener);
  writeFileSync(path, `#!/bin/sh\necho "$1" >> ${log}\nexec ${process.execPath} ${here}/human.mjs authorize "$1"\n`);
  chmodSync(path, 0o755);
}
const env = { ...process.env, PATH: `${home}:${process.env.PATH}`, HOME: home, HUMAN_JAR: jar, MCP_REMOTE_CONFIG_DIR: join(home, 'auth') };
const opened = () => existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;

async function connect() {
  const client = new Client({ name: 'stdio host', version: '1' });
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [join(here, 'node_modules/.bin/mcp-remote'), `${DOORWARD_URL}/mcp`], env, stderr: 'inherit' }), { timeout: 60_000 });
  return client;
}

const client = await connect();
check(opened() === 1, 'registered and authorised by discovery from the bare URL');
const { tools } = await client.listTools();
check(JSON.stringify(tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), 'tools/list');
check((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name === HUMAN_NAME, 'tools/call');
await sleep(Number(TOKEN_SECONDS) + 1);
check((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name === HUMAN_NAME && opened() === 1, 'a call after the token expired, without asking');
let answer;
for (let attempt = 0; attempt < 3 && !answer; attempt += 1) {
  try { answer = await client.callTool({ name: 'revoke_connected_app', arguments: { client_id: 'c_unknown' } }, undefined, { timeout: 40_000 }); } catch (error) { console.log(`# ${error.message}`); }
}
check(answer?.isError === true && opened() === 2, 'step-up to mcp:write, then the tool answers');
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, jar);
const apps = (await client.callTool({ name: 'list_connected_apps', arguments: {} })).structuredContent.apps;
check(await human.revoke(apps.find(app => app.this_app).name) >= 1, 'the user revokes the access');
const before = opened();
let ended = false;
try { await client.callTool({ name: 'whoami', arguments: {} }, undefined, { timeout: 20_000 }); } catch { ended = true; }
check(ended || opened() > before, 'after that nothing works without asking again');
process.exit(0);
