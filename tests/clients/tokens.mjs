// A token for a user, obtained on the real pages, for tests of later steps.
import { createHash, randomBytes } from 'node:crypto';

export async function tokens(server, human, { scope = 'mcp:write', resource = `${server.url}/mcp`, name = 'Conformance' } = {}) {
  const redirect = 'http://127.0.0.1:7905/callback';
  const json = async (path, body, form) => (await fetch(`${server.url}${path}`, { method: 'POST', body: form ? new URLSearchParams(body) : JSON.stringify(body), headers: form ? {} : { 'content-type': 'application/json' } })).json();
  const client = await json('/oauth/register', { client_name: name, redirect_uris: [redirect], token_endpoint_auth_method: 'none' });
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({ response_type: 'code', client_id: client.client_id, redirect_uri: redirect, scope, state: 's', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', resource });
  const back = new URL(await human.authorize(`${server.url}/oauth/authorize?${query}`));
  if (!back.searchParams.get('code')) throw new Error(`no code: ${back}`);
  const answer = await json('/oauth/token', { grant_type: 'authorization_code', client_id: client.client_id, code: back.searchParams.get('code'), code_verifier: verifier, redirect_uri: redirect }, true);
  if (!answer.access_token) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer;
}
