// @modelcontextprotocol/sdk (v1), unmodified, as a service: no user, no browser.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { EXPECTED_TOOLS, check, sleep } from './check.mjs';

const { DOORWARD_URL, SERVICE, SECRET_CLIENT, SECRET, KEY_CLIENT, KEY, TOKEN_SECONDS } = process.env;
const expectedIssuer = DOORWARD_URL;
const PROVIDERS = {
  secret: () => new ClientCredentialsProvider({ clientId: SECRET_CLIENT, clientSecret: SECRET, expectedIssuer }),
  'key pair': () => new PrivateKeyJwtProvider({ clientId: KEY_CLIENT, privateKey: KEY, algorithm: 'ES256', expectedIssuer }),
};
for (const [name, provider] of Object.entries(PROVIDERS)) {
  const client = new Client({ name: 'nightly', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${DOORWARD_URL}/mcp`), { authProvider: provider() }));
  const { tools } = await client.listTools();
  check(JSON.stringify(tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), `${name}: tools/list from the bare URL`);
  const whoami = async () => (await client.callTool({ name: 'whoami', arguments: {} })).structuredContent.name;
  check(await whoami() === SERVICE, `${name}: the call is the service's`);
  await sleep(Number(TOKEN_SECONDS) + 1);
  check(await whoami() === SERVICE, `${name}: a call after the token expired`);
  await client.close();
}
const wrong = new ClientCredentialsProvider({ clientId: SECRET_CLIENT, clientSecret: 'wrong', expectedIssuer });
const refused = await new Client({ name: 'nightly', version: '1' })
  .connect(new StreamableHTTPClientTransport(new URL(`${DOORWARD_URL}/mcp`), { authProvider: wrong })).then(() => null, error => error);
check(refused !== null && !String(refused).includes(SECRET), 'a wrong secret is refused');
process.exit(0);
