// The portal of LemonLDAP::NG of Debian on loopback, with its demonstration users: RS512, refresh tokens for offline_access.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [port, doorward] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), 'lemonldap-'));
const prefix = process.env.LEMONLDAP_PREFIX ?? '';
for (const name of ['conf', 'cache', 'sessions/lock', 'psessions/lock', 'notifications']) mkdirSync(join(folder, name), { recursive: true });
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const files = name => ({ Directory: join(folder, name), LockDirectory: join(folder, name, 'lock'), generateModule: 'Lemonldap::NG::Common::Apache::Session::Generate::SHA256' });
writeFileSync(join(folder, 'conf/lmConf-1.json'), JSON.stringify({
  ...JSON.parse(readFileSync(`${prefix}/var/lib/lemonldap-ng/conf/lmConf-1.json`, 'utf8')),
  cfgNum: 1, portal: `${url}/`, domain: '127.0.0.1', securedCookie: 0, cookieName: 'lemonldap', requireToken: 0, portalDisplayRegister: 0, portalDisplayResetPassword: 0, captcha_mail_enabled: 0, captcha_register_enabled: 0,
  authentication: 'Demo', userDB: 'Same', passwordDB: 'Demo', registerDB: 'Demo', exportedVars: {}, demoExportedVars: { cn: 'cn', mail: 'mail', uid: 'uid' },
  globalStorage: 'Apache::Session::File', globalStorageOptions: files('sessions'), persistentStorage: 'Apache::Session::File', persistentStorageOptions: files('psessions'),
  localSessionStorageOptions: { namespace: 'sessions', default_expires_in: 600, directory_umask: '007', cache_root: join(folder, 'cache'), cache_depth: 3 }, notificationStorageOptions: { dirName: join(folder, 'notifications') },
  locationRules: { '127.0.0.1': { default: 'accept' } },
  issuerDBOpenIDConnectActivation: 1, issuerDBOpenIDConnectPath: '^/oauth2/', issuerDBOpenIDConnectRule: 1, oidcServiceMetaDataIssuer: url, oidcServicePrivateKeySig: privateKey, oidcServicePublicKeySig: publicKey, oidcServiceKeyIdSig: 'k1', oidcServiceAllowAuthorizationCodeFlow: 1,
  oidcRPMetaDataOptions: { doorward: {
    oidcRPMetaDataOptionsClientID: 'doorward', oidcRPMetaDataOptionsClientSecret: 'lemon-s3cret', oidcRPMetaDataOptionsRedirectUris: `${doorward}/login/lemon/callback`, oidcRPMetaDataOptionsPostLogoutRedirectUris: `${doorward}/logout`,
    oidcRPMetaDataOptionsIDTokenSignAlg: 'RS512', oidcRPMetaDataOptionsBypassConsent: 1, oidcRPMetaDataOptionsAllowOffline: 1, oidcRPMetaDataOptionsRequirePKCE: 1,
  } },
  oidcRPMetaDataExportedVars: { doorward: { email: 'mail', name: 'cn', preferred_username: 'uid' } },
}));
writeFileSync(join(folder, 'lemonldap-ng.ini'), `[all]
logLevel = warn
logger = Lemonldap::NG::Common::Logger::Std
[configuration]
type = File
dirName = ${folder}/conf
localStorage = Cache::FileCache
localStorageOptions = { 'namespace' => 'configuration', 'default_expires_in' => 600, 'directory_umask' => '007', 'cache_root' => '${folder}/cache', 'cache_depth' => 3 }
[portal]
staticPrefix = /static
templateDir = ${prefix}/usr/share/lemonldap-ng/portal/templates
languages = en
`);
writeFileSync(join(folder, 'portal.psgi'), 'use Lemonldap::NG::Portal::Main; Lemonldap::NG::Portal::Main->run({});\n');
const server = spawn('perl', [`${prefix}/usr/bin/plackup`, '--host', '127.0.0.1', '--port', port, '-a', join(folder, 'portal.psgi')], { env: { ...process.env, LLNG_DEFAULTCONFFILE: join(folder, 'lemonldap-ng.ini') }, stdio: ['ignore', 'inherit', 'inherit'] });
server.on('exit', code => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.kill('SIGKILL'));
process.on('exit', () => server.kill('SIGKILL'));
for (let tries = 0; ; tries += 1) {
  const answer = await fetch(`${url}/.well-known/openid-configuration`).catch(() => undefined);
  if (answer?.ok) break;
  if (answer || tries > 150) throw new Error(`LemonLDAP::NG does not start: ${answer?.status}`);
  await new Promise(next => setTimeout(next, 200));
}
console.log('ready');
