// The search for tools over public OpenAPI documents, as packages ship them: for each question the place of the right tool, in its own service and
// among the tools of all of them. Half of the questions were not used to choose weights and words; their figures are the ones that must hold.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Human } from './human.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';
import { check, count, sleep } from './check.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const DOCUMENTS = {
  directus: '@directus/specs/dist/openapi.json',
  figma: '@figma/rest-api-spec/openapi/openapi.yaml',
  shipengine: 'shipengine-openapi/openapi.yaml',
  readme: '@readme/oas-examples/3.1/json/readme.json',
  rclone: 'rclone-openapi/openapi.yaml',
  galaxy: '@scalar/galaxy/dist/latest.yaml',
};
// Documents whose questions were written first. The others are asked as well, and their figures shown.
const MEASURED = ['directus', 'figma', 'shipengine'];

// A thread of its own: commands of the server hold this one until they end, and the server asks for the documents meanwhile.
const service = new Worker(`
  const { createServer } = require('node:http');
  const { readFileSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  const serve = (request, response) => {
    const file = workerData[request.url.slice(1)];
    if (file) response.end(readFileSync(file)); else response.writeHead(404).end();
  };
  const server = createServer(serve).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`, { eval: true, workerData: Object.fromEntries(Object.entries(DOCUMENTS).map(([name, file]) => [name, join(here, 'node_modules', file)])) });
const [port] = await once(service, 'message');
const origin = `http://127.0.0.1:${port}`;

const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600', DOORWARD_LIMITS__CALLS_PER_MINUTE_USER: '100000', DOORWARD_LIMITS__CALLS_PER_MINUTE_CLIENT: '100000' });
server.cli('user', 'add', 'ann', '--password-stdin', '--keep-password');
const held = (await tokens(server, new Human(server.url, 'ann', 'correct horse battery'), { scope: 'mcp:destructive', name: 'Search' })).access_token;
for (const name of Object.keys(DOCUMENTS)) {
  server.cli('upstream', 'add', name, '--kind', 'openapi', '--set', `document=${origin}/${name}`, '--set', `url=${origin}/${name}`, '--set', 'list_wait_ms=20000', '--set', 'networks=127.0.0.0/8', '--set', 'http_on_loopback=true');
}
const client = new Client({ name: 'search-test', version: '1' }, { capabilities: {} });
await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers: { authorization: `Bearer ${held}` } } }));
// The server notices within seconds what a command added.
let listed = [];
for (let attempt = 0; attempt < 60 && !listed.includes('search_tools'); attempt += 1) {
  if (attempt) await sleep(0.5);
  listed = (await client.listTools()).tools.map(tool => tool.name);
}
check(listed.includes('search_tools') && !listed.some(name => name.startsWith('directus_')), 'the tools of six APIs are behind search_tools');

const questions = [];
let document;
for (const line of readFileSync(join(here, 'search', 'questions.txt'), 'utf8').split('\n')) {
  if (line.startsWith('# ') && line.slice(2) in DOCUMENTS) document = line.slice(2);
  const [question, operation] = line.split('|');
  if (operation && !line.startsWith('#')) questions.push({ document, question, tool: `${document}_${operation}`, odd: questions.length % 2 === 0 });
}

async function place(question, tool, service) {
  const { structuredContent: found } = await client.callTool({ name: 'search_tools', arguments: { query: question, ...(service && { service }) } });
  return found.tools.findIndex(one => one.name === tool);
}

const figures = {};
for (const { document, question, tool, odd } of questions) {
  const group = MEASURED.includes(document) ? 'three APIs' : 'three further APIs';
  for (const [scope, service] of [['in its service', document], ['among all', undefined]]) {
    const at = await place(question, tool, service);
    const figure = figures[`${group}, ${odd ? 'used for tuning' : 'held out'}, ${scope}`] ??= { asked: 0, first: 0, five: 0 };
    figure.asked += 1;
    figure.first += at === 0 ? 1 : 0;
    figure.five += at >= 0 && at < 5 ? 1 : 0;
    // The tools that were held out stay unseen.
    if (odd && service && at !== 0) console.log(`  ${question}: ${tool} is ${at < 0 ? 'not shown' : `at ${at + 1}`}`);
  }
}
const share = (part, whole) => Math.round((1000 * part) / whole) / 10;
for (const [name, { asked, first, five }] of Object.entries(figures)) console.log(`${name}: first ${first} of ${asked} (${share(first, asked)} %), in the first five ${five} (${share(five, asked)} %)`);
check(questions.length >= 200, `${questions.length} questions were asked`);
const { asked, first, five } = figures['three APIs, held out, in its service'];
check(first / asked >= 0.8 && five / asked >= 0.95, 'questions that were not used for tuning find their tool first in 80 %, and among the first five in 95 %');
await client.close();
server.stop();
await service.terminate();
console.log(`\n${count.passed} passed, 0 failed`);
process.exit(0);
