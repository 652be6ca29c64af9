// The Inspector's command line, unmodified: it opens the "browser" by the desktop's opener, which
// is human.mjs here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync, chmodSync, readFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Human } from './human.mjs';
import { EXPECTED_TOOLS, check } from './check.mjs';

const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD } = process.env;
const here = dirname(fileURLToPath(import.meta.url));
const node22 = join(here, 'node_modules/node/bin/node');
const home = mkdtempSync(join(tmpdir(), 'doorward-inspector-'));
const jar = join(home, 'jar.json');
const log = join(home, 'opened');
for (const opener of ['xdg-open', 'open', 'www-browser']) {
  const path = join(home, opener);
  writeFileSync(path, `#!/bin/sh\necho "$1" >> ${log}\nexec ${process.execPath} ${here}/human.mjs authorize "$1"\n`);
  chmodSync(path, 0o755);
}
const env = { ...process.env, PATH: `${home}:${dirname(node22)}:${process.env.PATH}`, HOME: home, HUMAN_JAR: jar, BROWSER: join(home, 'xdg-open'), MCP_AUTO_OPEN_ENABLED: 'true' };
const opened = () => existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;

function inspect(...args) {
  const done = spawnSync(node22, [join(here, 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'), '--cli', `${DOORWARD_URL}/mcp`, '--transport', 'http', ...args], { env, timeout: 60_000 });
  const text = `${done.stdout}${done.stderr}`;
  const at = done.stdout.toString().indexOf('{');
  return { code: done.status, text, json: at >= 0 ? JSON.parse(done.stdout.toString().slice(at)) : undefined };
}
const list = inspect('--method', 'tools/list');
if (list.code !== 0) console.log(list.text);
check(list.code === 0 && JSON.stringify(list.json.tools.map(tool => tool.name)) === JSON.stringify(EXPECTED_TOOLS), 'discovery from the bare URL, registration, consent, tools/list');
check(opened() === 1, 'the user was asked once');
// Between two commands the tokens of this test server have expired; this program then requests a
// new authorization instead of refreshing.
const me = inspect('--method', 'tools/call', '--tool-name', 'whoami');
check(me.json?.structuredContent?.name === HUMAN_NAME, 'tools/call');
const apps = inspect('--method', 'tools/call', '--tool-name', 'list_connected_apps').json.structuredContent.apps;
const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, jar);
check(await human.revoke(apps.find(app => app.this_app).name) === 1, 'the user revokes the access');
const before = opened();
inspect('--method', 'tools/call', '--tool-name', 'whoami');
check(opened() === before + 1, 'after that it must ask again');
process.exit(0);
