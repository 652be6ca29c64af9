// mcp-remote --device-code, unmodified: a stdio client talks through it; its user enters the code that it prints in a browser.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { EXPECTED_TOOLS, check, sleep } from './check.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, TOKEN_SECONDS } = process.env;
const here = dirname(fileURLToPath(import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'doorward-device-'));
const env = { ...process.env, HOME: home, MCP_REMOTE_CONFIG_DIR: join(home, 'auth') };
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD);

const transport = new StdioClientTransport({ command: process.execPath, args: [join(here, 'node_modules/.bin/mcp-remote'), `${DOORWARD_URL}/mcp`, '--device-code'], env, stderr: 'pipe' });
let said = '';
transport.stderr.on('data', chunk => { said += chunk; });

// The user opens the URL, signs in, compares the code and allows.
async function allow() {
  let url;
  for (let attempt = 0; attempt < 150 && !url; attempt += 1) {
    await sleep(0.2);
    url = said.match(/https?:\S+\/device\?user_code=\S+/)?.[0];
  }
  check(url, `it prints where to enter the code${url ? '' : `: ${said}`}`);
  let page = await human.fetch(url);
  while (page.location) page = await human.fetch(new URL(page.location, DOORWARD_URL).href);
  if (page.html.includes('action="/login"')) {
    page = await human.signIn(page);
    while (page.location) page = await human.fetch(new URL(page.location, DOORWARD_URL).href);
  }
  const code = page.html.match(/name="user_code"[^>]* value="([^"]+)"/)[1];
  check(url.endsWith(code), 'signing in leads back to the page with the code');
  const asked = await human.fetch(`${DOORWARD_URL}/device`, { ...human.form(page.html, '/device'), user_code: code, do: 'find' });
  check(asked.html.includes('127.0.0.1') && asked.html.includes(code), 'the page shows code and IP address');
  const done = await human.fetch(`${DOORWARD_URL}/device`, { ...human.form(asked.html, '/device'), do: 'allow' });
  check(done.status === 200 && done.html.includes('role="status"'), 'the user allows it');
}

const client = new Client({ name: 'stdio host', version: '1' });
const [, connected] = await Promise.allSettled([allow(), client.connect(transport, { timeout: 60_000 })]);
check(connected.status === 'fulfilled', `mcp-remote connects (${connected.reason ?? ''})${connected.status === 'fulfilled' ? '' : `: ${said}`}`);
const { tools } = await client.listTools();
check(JSON.stringify(tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), 'tools/list');
check((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name === HUMAN_NAME, 'tools/call');
await sleep(Number(TOKEN_SECONDS) + 1);
check((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name === HUMAN_NAME, 'a call after the token expired, without asking');
process.exit(0);
