// glewlwyd of Debian on loopback, set up through its own API: RS256, an issuer with a path, rotated refresh tokens.
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [port, doorward] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), 'glewlwyd-'));
const prefix = process.env.GLEWLWYD_PREFIX ?? '';
const made = spawnSync('python3', ['-c', 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())', join(folder, 'db'), `${prefix}/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3`]);
if (made.status !== 0) throw new Error(`the database of glewlwyd could not be made: ${made.stderr}`);
const modules = ['user', 'user_middleware', 'client', 'scheme', 'plugin'];
mkdirSync(join(folder, 'none'));
const path = name => (name === 'user_middleware' ? join(folder, 'none') : `${prefix}/usr/lib/glewlwyd/${name}`);
writeFileSync(join(folder, 'conf'), [
  `port=${port}`, 'bind_address="127.0.0.1"', `external_url="${url}"`, 'login_url="login.html"', 'api_prefix="api"', `static_files_path="${prefix}/usr/share/glewlwyd/webapp/"`,
  'log_mode="console"', 'log_level="WARNING"', 'cookie_domain="127.0.0.1"', 'cookie_secure=0', 'session_key="GLEWLWYD2_SESSION_ID"', 'admin_scope="g_admin"', 'profile_scope="g_profile"', 'hash_algorithm="SHA512"',
  ...modules.map(name => `${{ user: 'user_module', user_middleware: 'user_middleware_module', client: 'client_module', scheme: 'user_auth_scheme_module', plugin: 'plugin_module' }[name]}_path="${path(name)}"`),
  `database = { type = "sqlite3"; path = "${join(folder, 'db')}"; };`,
].join('\n'));
const server = spawn(`${prefix}/usr/bin/glewlwyd`, ['-c', join(folder, 'conf')], { stdio: ['ignore', 'inherit', 'inherit'] });
server.on('exit', code => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.kill('SIGKILL'));
process.on('exit', () => server.kill('SIGKILL'));

let cookie = '';
const call = async (way, body) => {
  const answer = await fetch(`${url}${way}`, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`glewlwyd: ${way} answered ${answer.status} ${await answer.text()}`);
  cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
};
for (let tries = 0; ; tries += 1) {
  try { await call('/api/auth/', { username: 'admin', password: 'password' }); break; } catch (error) { if (tries > 50) throw error; await new Promise(next => setTimeout(next, 200)); }
}
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
await call('/api/mod/plugin/', {
  module: 'oidc', name: 'oidc', display_name: 'OIDC',
  parameters: {
    iss: `${url}/api/oidc`, 'jwt-type': 'rsa', 'jwt-key-size': '256', key: privateKey, cert: publicKey, 'access-token-duration': 3600, 'refresh-token-duration': 86400, 'code-duration': 600, 'refresh-token-rolling': true, 'refresh-token-one-use': 'always',
    'allow-non-oidc': false, 'auth-type-code-enabled': true, 'auth-type-refresh-enabled': true, 'pkce-allowed': true, 'pkce-method-plain-allowed': false, 'pkce-required': true, 'subject-type': 'public', 'allowed-scope': ['openid', 'email', 'profile'],
    'name-claim': 'mandatory', 'email-claim': 'mandatory', 'scope-claim': 'no', claims: [], 'session-management-allowed': true, 'session-cookie-name': 'GLEWLWYD_OIDC', 'session-cookie-expiration': 3600,
  },
});
for (const name of ['email', 'profile']) await call('/api/scope/', { name, display_name: name, description: name, password_required: true, password_max_age: 0, scheme: {} });
await call('/api/user/', { username: 'gwen', name: 'Gwen Forge', email: 'gwen@forge.example', password: 'correct horse battery', enabled: true, scope: ['openid', 'email', 'profile', 'g_profile'] });
await call('/api/client/', { client_id: 'doorward', name: 'Doorward', client_secret: 's3:cret+of/forge&=', confidential: true, enabled: true, authorization_type: ['code', 'refresh_token'], redirect_uri: [`${doorward}/login/forge/callback`], scope: [], token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'] });
console.log('ready');
