// oauth4webapi and openid-client, unmodified: pushed requests and tokens that are bound to a key, at a server without nonces and at one with them.
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Human } from './human.mjs';
import { check } from './check.mjs';
import { startServer } from './run.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD } = process.env;
const CALLBACK = 'http://127.0.0.1:7777/callback';
const insecure = { [oauth.allowInsecureRequests]: true };
const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } });
const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' };
const metadata = { client_name: 'bound', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], dpop_bound_access_tokens: true, require_pushed_authorization_requests: true };

// Asks again, as the library's documentation says, when the server names a nonce.
async function twice(ask) {
  try {
    return await ask();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return ask();
  }
}

async function low(base, human, scope) {
  const issuer = new URL(base);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
  check(as.dpop_signing_alg_values_supported.includes('ES256') && as.pushed_authorization_request_endpoint, 'oauth4webapi: the metadata names PAR and DPoP');
  const client = await oauth.processDynamicClientRegistrationResponse(await oauth.dynamicClientRegistrationRequest(as, metadata, insecure));
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const auth = oauth.None();
  const options = { DPoP, ...insecure };
  const verifier = oauth.generateRandomCodeVerifier();
  const params = { redirect_uri: CALLBACK, response_type: 'code', scope, resource: `${base}/mcp`, state: 's1', code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const pushed = await twice(async () => oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, auth, params, options)));
  check(pushed.request_uri.startsWith('urn:') && pushed.expires_in === 60, 'oauth4webapi: the request is pushed');
  const back = await human.authorize(`${as.authorization_endpoint}?${new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri })}`);
  const answer = oauth.validateAuthResponse(as, client, new URL(back), 's1');
  let tokens = await twice(async () => oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(as, client, auth, answer, CALLBACK, verifier, options)));
  check(tokens.token_type === 'dpop', 'oauth4webapi: the token is bound');
  const call = () => oauth.protectedResourceRequest(tokens.access_token, 'POST', new URL(`${base}/mcp`), new Headers(headers), message, options);
  check((await (await twice(call)).json()).result.structuredContent.name === human.name, 'oauth4webapi: a tool is called with a proof');
  const stolen = await fetch(`${base}/mcp`, { method: 'POST', body: message, headers: { ...headers, authorization: `Bearer ${tokens.access_token}` } });
  check(stolen.status === 401 && stolen.headers.get('www-authenticate').startsWith('DPoP '), 'oauth4webapi: the token alone is worth nothing');
  tokens = await twice(async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, options)));
  check((await (await twice(call)).json()).result.structuredContent.name === human.name, 'oauth4webapi: refreshed, and called again');
}

async function high(base, human, scope) {
  const config = await openid.dynamicClientRegistration(new URL(base), metadata, openid.None(), { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] });
  const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const url = await openid.buildAuthorizationUrlWithPAR(config, { redirect_uri: CALLBACK, scope, resource: `${base}/mcp`, state: 's2', code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256' }, { DPoP });
  check(url.searchParams.get('request_uri'), 'openid-client: the request is pushed');
  const back = await human.authorize(url.href);
  let tokens = await openid.authorizationCodeGrant(config, new URL(back), { pkceCodeVerifier, expectedState: 's2' }, undefined, { DPoP });
  check(tokens.token_type === 'dpop', 'openid-client: the token is bound');
  const call = () => openid.fetchProtectedResource(config, tokens.access_token, new URL(`${base}/mcp`), 'POST', message, new Headers(headers), { DPoP });
  check((await (await call()).json()).result.structuredContent.name === human.name, 'openid-client: a tool is called with a proof');
  tokens = await openid.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  check((await (await call()).json()).result.structuredContent.name === human.name, 'openid-client: refreshed, and called again');
}

const SCOPE = 'mcp:read offline_access';
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD);
await low(DOORWARD_URL, human, SCOPE);
await high(DOORWARD_URL, human, SCOPE);
// A database of its own: another server's belongs to that server's master key.
delete process.env.DOORWARD_CLIENTS_DATABASE;
const strict = await startServer({ DOORWARD_KEYS__DPOP_NONCES: 'true' });
try {
  strict.cli('user', 'add', 'strict', '--password-stdin', '--keep-password');
  const other = new Human(strict.url, 'strict', HUMAN_PASSWORD);
  await low(strict.url, other, SCOPE);
  await high(strict.url, other, SCOPE);
} finally {
  strict.stop();
}
process.exit(0);
