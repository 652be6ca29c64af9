// An unmodified client of the TypeScript SDK that begins with the bare URL of a server; the user allows what it asks for.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';

const redirectUrl = 'http://127.0.0.1:7901/callback';

// A provider of the SDK that keeps everything in `memory`.
export function remembering(name, memory) {
  return {
    redirectUrl,
    clientMetadata: { client_name: name, redirect_uris: [redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
    state: () => 'state-1',
    clientInformation: () => memory.client,
    saveClientInformation: client => { memory.client = client; },
    tokens: () => memory.tokens,
    saveTokens: tokens => { memory.tokens = tokens; },
    redirectToAuthorization: to => { memory.authorize = to; },
    saveCodeVerifier: verifier => { memory.verifier = verifier; },
    codeVerifier: () => memory.verifier,
    saveDiscoveryState: state => { memory.discovery = state; },
    discoveryState: () => memory.discovery,
  };
}

// Connects a client of this name. Returns it with what it keeps.
export async function connected(name, url, human) {
  const memory = {};
  const authProvider = remembering(name, memory);
  const attempt = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
    const client = new Client({ name, version: '1' });
    try {
      await client.connect(transport);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const back = new URL(await human.authorize(memory.authorize.href));
      await transport.finishAuth(back.searchParams.get('code'));
      return attempt();
    }
    return client;
  };
  return { client: await attempt(), memory };
}
