// @modelcontextprotocol/sdk (v1), unmodified.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UnauthorizedError, auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { Human } from './human.mjs';
import { EXPECTED_TOOLS, check, sleep } from './check.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, TOKEN_SECONDS } = process.env;
const NAME = 'TypeScript SDK v1';
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD);
const memory = {};
const provider = {
  redirectUrl: 'http://127.0.0.1:7901/callback',
  clientMetadata: { client_name: NAME, redirect_uris: ['http://127.0.0.1:7901/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
  state: () => 'state-1',
  clientInformation: () => memory.client,
  saveClientInformation: client => { memory.client = client; },
  tokens: () => memory.tokens,
  saveTokens: tokens => { memory.tokens = tokens; },
  redirectToAuthorization: url => { memory.authorize = url; },
  saveCodeVerifier: verifier => { memory.verifier = verifier; },
  codeVerifier: () => memory.verifier,
  invalidateCredentials: what => { if (what !== 'verifier') memory.tokens = undefined; if (what === 'all' || what === 'client') memory.client = undefined; },
  saveDiscoveryState: state => { memory.discovery = state; },
  discoveryState: () => memory.discovery,
};

async function session() {
  const client = new Client({ name: NAME, version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(`${DOORWARD_URL}/mcp`), { authProvider: provider });
  await client.connect(transport);
  return { client, transport };
}

// Runs `action`; when the SDK requires authorization, the user gives it and the action is tried again.
async function authorized(transport, action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const back = new URL(await human.authorize(memory.authorize.href));
    check(back.searchParams.get('iss') === DOORWARD_URL && back.searchParams.get('state') === 'state-1', 'the callback carries iss and state');
    await transport.finishAuth(back.searchParams.get('code'));
    return await action();
  }
}

const first = new StreamableHTTPClientTransport(new URL(`${DOORWARD_URL}/mcp`), { authProvider: provider });
await authorized(first, async () => { const probe = new Client({ name: NAME, version: '1' }); await probe.connect(memory.tokens ? new StreamableHTTPClientTransport(new URL(`${DOORWARD_URL}/mcp`), { authProvider: provider }) : first); });
check(memory.client.client_id.startsWith('c_'), 'registered by discovery from the bare URL');
const { client, transport } = await session();
const { tools } = await client.listTools();
check(JSON.stringify(tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), 'tools/list');
const me = await client.callTool({ name: 'whoami', arguments: {} });
check(me.structuredContent.name === HUMAN_NAME, 'tools/call');
const before = memory.tokens;
await sleep(Number(TOKEN_SECONDS) + 1);
check((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name === HUMAN_NAME, 'a call after the token expired');
check(memory.tokens.refresh_token !== before.refresh_token, 'the refresh token was rotated');
const consents = human.consents;
const write = () => client.callTool({ name: 'revoke_connected_app', arguments: { client_id: 'c_unknown' } });
let refused;
try {
  refused = await authorized(transport, write);
} catch (error) {
  // This SDK refreshes when it is challenged, and a refresh never widens a grant. A host then drops the tokens and asks again, with
  // the scope of the challenge.
  check(error.code === 403, 'the write is refused until the user allows it');
  memory.tokens = undefined;
  check(await auth(provider, { serverUrl: new URL(`${DOORWARD_URL}/mcp`), scope: 'mcp:write' }) === 'REDIRECT', 'the SDK asks again');
  const back = new URL(await human.authorize(memory.authorize.href));
  await transport.finishAuth(back.searchParams.get('code'));
  refused = await write();
}
check(refused.isError === true && human.consents === consents + 1, 'step-up to mcp:write, then the tool answers');
let progress = 0;
await client.callTool({ name: 'wait', arguments: { seconds: 2 } }, undefined, { onprogress: () => { progress += 1; } });
check(progress === 3, 'progress arrives');
check(await human.revoke(NAME) === 1, 'the user revokes the access');
memory.authorize = undefined;
let ended = false;
try { await client.callTool({ name: 'whoami', arguments: {} }); } catch { ended = true; }
check(ended && memory.authorize, 'after that nothing works without asking again');
process.exit(0);
