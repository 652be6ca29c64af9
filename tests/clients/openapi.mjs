// Public OpenAPI documents, as packages ship them, behind one Doorward: every operation is offered or named with a reason, every
// schema is a valid one, and every tool can be called at a server that returns the request.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import Ajv2020 from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { Human } from './human.mjs';
import { startServer } from './run.mjs';
import { tokens } from './tokens.mjs';
import { check, count } from './check.mjs';
import { untilListed } from './until-listed.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const DOCUMENTS = {
  blockfrost: '@blockfrost/openapi/openapi.yaml',
  dialogporten: '@digdir/dialogporten-schema/swagger.verified.json',
  directus: '@directus/specs/dist/openapi.json',
  figma: '@figma/rest-api-spec/openapi/openapi.yaml',
  galaxy: '@scalar/galaxy/dist/latest.yaml',
  rclone: 'rclone-openapi/openapi.yaml',
  readme: '@readme/oas-examples/3.1/json/readme.json',
  shipengine: 'shipengine-openapi/openapi.yaml',
  startrek: '@readme/oas-examples/3.0/json/star-trek.json',
  trains: '@readme/oas-examples/3.1/yaml/train-travel.yaml',
  petstore2: '@readme/oas-examples/2.0/json/petstore.json',
  expanded2: '@readme/oas-examples/2.0/json/petstore-expanded.json',
  styles: '@readme/oas-examples/3.1/json/parameters-style.json',
  extreme: '@readme/oas-examples/3.0/json/parameters-extreme.json',
  uploads: '@readme/oas-examples/3.0/json/file-uploads.json',
  forms: '@readme/oas-examples/3.0/json/form-data.json',
  circular: '@readme/oas-examples/3.0/json/circular.json',
  loops: '@readme/oas-examples/3.0/json/circular-paths.json',
  kinds: '@readme/oas-examples/3.1/json/schema-types.json',
  encodings: '@readme/oas-examples/3.0/json/schema-encoding-style.json',
};
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

// The contents of the document, counted without any code of the server's.
function operations(document) {
  const found = [];
  for (const [path, given] of Object.entries(document.paths)) {
    let item = given;
    for (let hops = 0; item?.$ref && hops < 5; hops += 1) item = item.$ref.slice(2).split('/').reduce((at, name) => at?.[decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')], document);
    for (const method of METHODS) if (item?.[method]) found.push({ method: method.toUpperCase(), path });
  }
  return found;
}

// The shape of a path: its parameters match any text within one segment.
const shape = (base, path) => new RegExp(`^${base}${path.split(/[?#]/)[0].replace(/[.*+^$()|[\]\\]/g, '\\$&').replace(/\{[^}]*\}/g, '[^/?]+')}(\\?.*)?$`);

// A value that the schema names.
function value(schema, depth = 0) {
  if (schema === true || schema === undefined || depth > 8) return 'x';
  if ('const' in schema) return schema.const;
  if (schema.enum) return schema.enum.find(one => one !== null);
  const part = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  const type = Array.isArray(schema.type) ? schema.type.find(one => one !== 'null') : schema.type ?? (schema.properties ? 'object' : undefined);
  if (type === undefined && part) return value(part[0], depth + 1);
  switch (type) {
    // Near the top every member, so that every argument is sent once.
    case 'object': return Object.fromEntries((depth < 3 ? Object.keys(schema.properties ?? {}) : schema.required ?? []).map(name => [name, value(schema.properties?.[name], depth + 1)]));
    case 'array': return schema.items === undefined ? ['x'] : [value(schema.items, depth + 1)];
    case 'integer': case 'number': return schema.minimum ?? 1;
    case 'boolean': return true;
    case 'null': return null;
    default: return 'x';
  }
}

const service = createServer((request, response) => {
  const name = request.url.slice('/docs/'.length);
  if (request.url.startsWith('/docs/')) return response.end(readFileSync(join(here, 'node_modules', DOCUMENTS[name])));
  request.resume();
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, url: request.url, type: request.headers['content-type'] ?? null }));
  });
});
await new Promise(ready => service.listen(0, '127.0.0.1', ready));
const origin = `http://127.0.0.1:${service.address().port}`;

process.on('uncaughtException', error => { console.log(server.log().split('\n').filter(line => /WARN|ERROR/.test(line)).slice(-20).join('\n')); console.log(error); process.exit(1); });
const server = await startServer({ DOORWARD_ISSUER__ACCESS_TOKEN_SECONDS: '3600', DOORWARD_LIMITS__CALLS_PER_MINUTE_USER: '100000', DOORWARD_LIMITS__CALLS_PER_MINUTE_CLIENT: '100000' });
server.cli('user', 'add', 'ann', '--password-stdin', '--keep-password');
const held = (await tokens(server, new Human(server.url, 'ann', 'correct horse battery'), { scope: 'mcp:destructive', name: 'Documents' })).access_token;
for (const name of Object.keys(DOCUMENTS)) {
  server.cli('upstream', 'add', `doc-${name}`, '--kind', 'openapi', '--set', `document=${origin}/docs/${name}`, '--set', `url=${origin}/${name}`, '--set', 'list_wait_ms=20000', '--set', 'networks=127.0.0.0/8', '--set', 'http_on_loopback=true');
}
await untilListed(server, held, Object.keys(DOCUMENTS).map(name => `doc-${name}`));
const client = new Client({ name: 'openapi-test', version: '1' }, { capabilities: {} });
await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp?surface=direct`), { requestInit: { headers: { authorization: `Bearer ${held}` } } }));
const all = [];
let cursor;
do {
  const page = await client.listTools({ cursor });
  all.push(...page.tools);
  cursor = page.nextCursor;
} while (cursor);

let [calls, left] = [0, 0];
for (const [name, file] of Object.entries(DOCUMENTS)) {
  const document = parse(readFileSync(join(here, 'node_modules', file), 'utf8'), { maxAliasCount: -1, merge: true });
  const held = operations(document);
  const tools = all.filter(tool => tool.name.startsWith(`doc-${name}_`));
  const told = await server.told('upstream', 'test', `doc-${name}`);
  const out = Number(told.match(/(?<![\w])(\d+) left out/)?.[1] ?? 0);
  left += out;
  check(tools.length + out === held.length && tools.length > 0, `${name}: ${held.length} operations, ${tools.length} offered, ${out} left out`);
  if (out > 0) check(/left out: [^(]+ \([a-z]/.test(told), `${name}: what is left out is named with the reason`);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const tool of tools) {
    try {
      ajv.compile(tool.inputSchema);
    } catch (error) {
      throw new Error(`${tool.name} has a schema that is none: ${error.message}`);
    }
  }
  check(true, `${name}: ${tools.length} schemas are valid`);
  const reached = new Set();
  for (const tool of tools) {
    const given = value(tool.inputSchema);
    const answer = await client.callTool({ name: tool.name, arguments: given });
    if (answer.isError) throw new Error(`${tool.name} with ${JSON.stringify(given)}: ${JSON.stringify(answer.content)}`);
    calls += 1;
    // An answer to HEAD has no content.
    const asked = answer.structuredContent;
    if (!asked) { reached.add(tool.name); continue; }
    const paths = held.filter(one => one.method === asked.method && shape(`/${name}`, one.path).test(asked.url));
    if (paths.length === 0 || /[{}]|%7B|%7D/i.test(asked.url.split('?')[0])) throw new Error(`${tool.name} was called as ${asked.method} ${asked.url}`);
    if (asked.type?.startsWith('multipart/') && !asked.type.includes('boundary=')) throw new Error(`${tool.name} was sent as ${asked.type}`);
    reached.add(`${asked.method} ${asked.url}`);
  }
  check(reached.size > 0, `${name}: ${tools.length} tools were called, at ${reached.size} places`);
}
await client.close();
server.stop();
service.close();
console.log(`\n${calls} tools of ${Object.keys(DOCUMENTS).length} documents, ${left} operations left out\n${count.passed} passed, 0 failed`);
process.exit(0);
