// An OpenID provider in front of that of the conformance suite, which exchanges tokens and has no
// sign-in: it signs one user in, and has the suite's provider exchange its own token of that user.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

export async function startFront(clientId) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'ES256', use: 'sig' };
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [codes, given] = [new Map(), new Set()];
  let [issuer, behind] = ['', undefined];

  const idToken = nonce => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'demo', aud: clientId, iat: now, exp: now + 300, auth_time: now, nonce, email: 'demo@corp.example', email_verified: true, preferred_username: 'demo' };
    const text = `${part({ alg: 'ES256', kid: '1', typ: 'JWT' })}.${part(claims)}`;
    const token = `${text}.${sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    given.add(token);
    return token;
  };
  let refresh = randomUUID();
  const tokens = nonce => {
    refresh = randomUUID();
    return [200, { access_token: randomUUID(), token_type: 'Bearer', expires_in: 300, refresh_token: refresh, id_token: idToken(nonce) }];
  };
  const token = async form => {
    const code = codes.get(form.get('code'));
    if (form.get('grant_type') === 'authorization_code' && code) {
      codes.delete(form.get('code'));
      const fits = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url') === code.challenge;
      return fits ? tokens(code.nonce) : [400, { error: 'invalid_grant' }];
    }
    // It is replaced at each use.
    if (form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === refresh) return tokens();
    if (form.get('grant_type')?.endsWith(':token-exchange') && behind && given.has(form.get('subject_token'))) {
      form.set('subject_token', behind.idp_id_token);
      form.set('client_id', behind.idp_client_id);
      // After its scenario the suite's provider has ended.
      const answer = await fetch(behind.idp_token_endpoint, { method: 'POST', body: form }).catch(() => undefined);
      return answer ? [answer.status, await answer.json()] : [503, { error: 'temporarily_unavailable' }];
    }
    return [400, { error: 'invalid_grant' }];
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    let body = '';
    for await (const chunk of request) body += chunk;
    const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/.well-known/openid-configuration') return json(200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`, response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'], token_endpoint_auth_methods_supported: ['client_secret_basic'], code_challenge_methods_supported: ['S256'] });
    if (url.pathname === '/keys') return json(200, { keys: [key] });
    if (url.pathname === '/scenario') { behind = JSON.parse(body); return json(200, {}); }
    if (url.pathname === '/token') return json(...await token(new URLSearchParams(body)));
    const [code, asked] = [randomUUID(), url.searchParams];
    codes.set(code, { nonce: asked.get('nonce'), challenge: asked.get('code_challenge') });
    const back = new URL(asked.get('redirect_uri'));
    for (const [name, value] of [['code', code], ['state', asked.get('state')]]) back.searchParams.set(name, value);
    return response.writeHead(302, { location: back.href }).end();
  });
  await new Promise(ready => server.listen(0, '127.0.0.1', ready));
  issuer = `http://127.0.0.1:${server.address().port}`;
  return { issuer, stop: () => server.close() };
}
