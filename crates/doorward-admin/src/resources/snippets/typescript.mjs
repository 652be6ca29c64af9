// npm install @modelcontextprotocol/sdk express jose
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import express from 'express';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const RESOURCE = new URL('{URL}');
const keys = createRemoteJWKSet(new URL('{JWKS}'));
const verifier = {
  async verifyAccessToken(token) {
    const options = { issuer: '{ISSUER}', audience: '{URL}', typ: 'at+jwt' };
    const { payload } = await jwtVerify(token, keys, options).catch(error => {
      throw new InvalidTokenError(error.message);
    });
    return { token, clientId: payload.client_id, scopes: payload.scope.split(' '), expiresAt: payload.exp };
  },
};
const bearer = requireBearerAuth({ verifier, requiredScopes: ['{FIRST}'], resourceMetadataUrl: '{METADATA_URL}' });

const app = express();
app.get(new URL('{METADATA_URL}').pathname, (request, response) => response.json({
  resource: '{URL}',
  authorization_servers: ['{ISSUER}'],
  scopes_supported: [{SCOPES}],
  bearer_methods_supported: ['header'],
}));
app.all(RESOURCE.pathname, bearer, express.json(), async (request, response) => {
  const server = new McpServer({ name: 'My server', version: '1' });
  server.registerTool('hello', { description: 'Says hello.' }, () => ({ content: [{ type: 'text', text: 'hello' }] }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
app.listen(Number(RESOURCE.port) || 8000, '127.0.0.1');
