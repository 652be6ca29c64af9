// npm oidc-provider on loopback, as an identity provider of another project: rotated keys at each
// start, ES256, a client id and secret with all characters that must be encoded, a second client
// with private_key_jwt and PS256, consent, refresh tokens for offline_access with prompt=consent
// only, `iss` in responses, back-channel logout. Accounts are changed by PUT /test/accounts/NAME.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, doorward] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const accounts = new Map([
  ['ada', { email: 'ada@corp.example', email_verified: true, name: 'Ada <b>Lovelace</b>', preferred_username: 'ada', groups: ['engineering'] }],
  ['bob', { email: 'bob@corp.example', email_verified: false, name: 'Bob', preferred_username: 'bob', groups: [] }],
]);
const ec = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: `k${Date.now()}` };
const rsa = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', kid: `r${Date.now()}` };
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'door/ward:1', client_secret: 'a b:c/d+e&f=g%', redirect_uris: [`${doorward}/login/corp/callback`], post_logout_redirect_uris: [`${doorward}/logout`],
    response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: 'ES256',
    backchannel_logout_uri: `${doorward}/login/corp/backchannel-logout`, backchannel_logout_session_required: true,
  }, {
    client_id: 'keyed', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks_uri: `${doorward}/oauth/jwks`,
    redirect_uris: [`${doorward}/login/posted/callback`], response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: 'PS256',
  }],
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
  jwks: { keys: [ec, rsa] },
  cookies: { keys: ['tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'groups'] },
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  pkce: { required: () => true },
  findAccount: async (_, id) => (accounts.has(id) ? { accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) } : undefined),
  rotateRefreshToken: true,
  // It refuses to call anything on this machine, which is where the server under test is.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});
for (const event of ['server_error', 'backchannel.error']) provider.on(event, (...args) => console.error(event, args.at(1)));
provider.on('backchannel.success', () => console.log('backchannel.success'));
const serve = provider.callback();
createServer((request, response) => {
  const named = request.url.match(/^\/test\/accounts\/(\w+)$/);
  if (!named) return serve(request, response);
  let body = '';
  request.on('data', chunk => { body += chunk; });
  request.on('end', () => {
    if (request.method === 'DELETE') accounts.delete(named[1]); else accounts.set(named[1], { ...accounts.get(named[1]), ...JSON.parse(body) });
    response.end();
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
