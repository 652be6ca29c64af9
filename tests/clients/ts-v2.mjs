// @modelcontextprotocol/client (v2), unmodified: `node ts-v2.mjs legacy` and `node ts-v2.mjs modern`.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { Human } from './human.mjs';
import { EXPECTED_TOOLS, check, sleep } from './check.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, TOKEN_SECONDS } = process.env;
const era = process.argv[2];
const NAME = `TypeScript client v2 ${era}`;
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD);
const memory = {};
const provider = {
  redirectUrl: 'http://127.0.0.1:7902/callback',
  clientMetadata: { client_name: NAME, redirect_uris: ['http://127.0.0.1:7902/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
  state: () => 'state-2',
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
const url = new URL(`${DOORWARD_URL}/mcp`);
const options = era === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {};
const fresh = () => new StreamableHTTPClientTransport(url, { authProvider: provider });
const newClient = () => new Client({ name: NAME, version: '1' }, options);

async function authorize(transport) {
  const back = new URL(await human.authorize(memory.authorize.href));
  await transport.finishAuth(back.searchParams);
}

async function authorized(transport, action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof UnauthorizedError) && !(error.cause instanceof UnauthorizedError)) throw error;
    await authorize(transport);
    return await action();
  }
}

const first = fresh();
try {
  await newClient().connect(first);
  check(false, 'the first connection must ask for authorization');
} catch (error) {
  if (!memory.authorize) throw error;
  await authorize(first);
}
check(memory.client.client_id.startsWith('c_'), 'registered by discovery from the bare URL');
const client = newClient();
const transport = fresh();
await client.connect(transport);
const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
check(era === 'modern' ? version === '2026-07-28' : version === '2025-11-25', `protocol revision ${version}`);
const { tools } = await client.listTools();
check(JSON.stringify(tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), 'tools/list');
const call = (name, args, more) => client.callTool({ name, arguments: args }, more);
check((await call('whoami', {})).structuredContent.name === HUMAN_NAME, 'tools/call');
const before = memory.tokens;
await sleep(Number(TOKEN_SECONDS) + 1);
check((await call('whoami', {})).structuredContent.name === HUMAN_NAME, 'a call after the token expired');
check(memory.tokens.refresh_token !== before.refresh_token, 'the refresh token was rotated');
const consents = human.consents;
const refused = await authorized(transport, () => call('revoke_connected_app', { client_id: 'c_unknown' }));
check(refused.isError === true && human.consents === consents + 1, 'step-up to mcp:write, then the tool answers');
let progress = 0;
await call('wait', { seconds: 2 }, { onprogress: () => { progress += 1; } });
check(progress === 3, 'progress arrives');
check(await human.revoke(NAME) === 1, 'the user revokes the access');
memory.authorize = undefined;
let ended = false;
try { await call('whoami', {}); } catch { ended = true; }
check(ended && memory.authorize, 'after that nothing works without asking again');
process.exit(0);
