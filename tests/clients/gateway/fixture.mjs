// The server that the official conformance suite expects: its tools, prompts and resources, in one
// of the two eras. It is written against the wire, so that effects of the gateway can be
// distinguished from those of a library.
//   node fixture.mjs legacy|modern [port]
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
const text = words => ({ content: [{ type: 'text', text: words }] });
const pause = ms => new Promise(done => setTimeout(done, ms));
const none = { type: 'object', properties: {} };
const elicit = (message, properties, required = Object.keys(properties)) => ({ method: 'elicitation/create', params: { mode: 'form', message, requestedSchema: { type: 'object', properties, required } } });
const sample = (words, maxTokens = 100) => ({ method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: { type: 'text', text: words } }], maxTokens } });
const roots = { method: 'roots/list', params: {} };
const required = (inputRequests, requestState) => ({ resultType: 'input_required', inputRequests, ...(requestState && { requestState }) });
const SECRET = randomUUID();
const seal = value => { const body = Buffer.from(JSON.stringify(value)).toString('base64url'); return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`; };
const open = state => {
  const [body, mac] = (state ?? '').split('.');
  if (!body || createHmac('sha256', SECRET).update(body).digest('base64url') !== mac) throw { code: -32602, message: 'requestState is not ours' };
  return JSON.parse(Buffer.from(body, 'base64url'));
};
const accepted = answer => answer?.action === 'accept' && answer.content;

const defaults = { name: { type: 'string', default: 'John Doe' }, age: { type: 'integer', default: 30 }, score: { type: 'number', default: 95.5 }, status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' }, verified: { type: 'boolean', default: true } };
const titled = ['First', 'Second', 'Third'];
const enums = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: titled.map((title, index) => ({ const: `value${index + 1}`, title: `${title} Option` })) },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: titled.map((title, index) => ({ const: `value${index + 1}`, title: `${title} Choice` })) } },
};
const SCHEMA_2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' }, contactMethod: { type: 'string', enum: ['phone', 'email'] }, phone: { type: 'string' }, email: { type: 'string' } },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

// Each tool: what it takes, and what it does with its call.
const shared = {
  test_simple_text: [none, () => text('This is a simple text response for testing.')],
  test_image_content: [none, () => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] })],
  test_audio_content: [none, () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })],
  test_embedded_resource: [none, () => ({ content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' } }] })],
  test_multiple_content_types: [none, () => ({ content: [{ type: 'text', text: 'Multiple content types test:' }, { type: 'image', data: PNG, mimeType: 'image/png' }, { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } }] })],
  test_error_handling: [none, () => ({ isError: true, ...text('This tool intentionally returns an error for testing') })],
  test_tool_with_progress: [none, async call => {
    for (const progress of [0, 50, 100]) {
      if (call.token !== undefined) call.notify('notifications/progress', { progressToken: call.token, progress, total: 100 });
      await pause(50);
    }
    return text('done');
  }],
  json_schema_2020_12_tool: [SCHEMA_2020, () => text('ok')],
};
const legacyTools = {
  test_tool_with_logging: [none, async call => {
    for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      call.notify('notifications/message', { level: 'info', data });
      await pause(50);
    }
    return text('logged');
  }],
  test_sampling: [{ type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] }, async call => text(`LLM response: ${(await call.ask(sample(call.args.prompt))).content.text}`)],
  test_elicitation: [{ type: 'object', properties: { message: { type: 'string' } }, required: ['message'] }, async call => {
    const answer = await call.ask(elicit(call.args.message, { username: { type: 'string', description: "User's response" }, email: { type: 'string', description: "User's email address" } }));
    return text(`User response: <action: ${answer.action}, content: ${JSON.stringify(answer.content)}>`);
  }],
  test_elicitation_sep1034_defaults: [none, async call => { const answer = await call.ask(elicit('Defaults', defaults, [])); return text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`); }],
  test_elicitation_sep1330_enums: [none, async call => { const answer = await call.ask(elicit('Enums', enums, [])); return text(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`); }],
  test_reconnection: [none, () => text('ok')],
};
const who = { user_name: elicit('What is your name?', { name: { type: 'string' } }) };
const modernTools = {
  test_input_required_result_elicitation: [none, call => { const answer = accepted(call.answers.user_name); return answer?.name ? text(`Hello, ${answer.name}!`) : required(who); }],
  test_input_required_result_sampling: [none, call => (call.answers.capital_question ? text(`It is ${JSON.stringify(call.answers.capital_question.content)}`) : required({ capital_question: sample('What is the capital of France?') }))],
  test_input_required_result_list_roots: [none, call => (call.answers.client_roots ? text(`Roots: ${JSON.stringify(call.answers.client_roots.roots)}`) : required({ client_roots: roots }))],
  test_input_required_result_request_state: [none, call => {
    if (!call.answers.confirm) return required({ confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) }, seal({ step: 1 }));
    open(call.state);
    return text('state-ok');
  }],
  test_input_required_result_multiple_inputs: [none, call => {
    const all = { ...who, greeting: sample('Generate a greeting', 50), client_roots: roots };
    if (!Object.keys(all).every(key => call.answers[key])) return required(all, seal({ step: 1 }));
    open(call.state);
    return text('all there');
  }],
  test_input_required_result_multi_round: [none, call => {
    if (!call.state) return required({ step1: elicit('Step 1: What is your name?', { name: { type: 'string' } }) }, seal({ step: 1 }));
    const { step } = open(call.state);
    if (step === 1) return required({ step2: elicit('Step 2: What is your favorite color?', { color: { type: 'string' } }) }, seal({ step: 2 }));
    return text('finished');
  }],
  test_input_required_result_tampered_state: [none, call => {
    if (!call.state) return required({ confirm: elicit('Please confirm', { ok: { type: 'boolean' } }) }, seal({ step: 1 }));
    open(call.state);
    return text('state-ok');
  }],
  test_input_required_result_capabilities: [none, call => {
    const can = call.capabilities;
    const asks = { ...(can.sampling && { a: sample('hello') }), ...(can.elicitation && { b: elicit('hello', { ok: { type: 'boolean' } }) }), ...(can.roots && { c: roots }) };
    return Object.keys(asks).every(key => call.answers[key]) ? text('ok') : required(asks);
  }],
  test_missing_capability: [none, call => {
    if (!call.capabilities.sampling) throw { code: -32021, message: 'sampling is needed', data: { requiredCapabilities: { sampling: {} } } };
    return text('ok');
  }],
  test_streaming_elicitation: [none, async call => {
    call.notify('notifications/progress', { progressToken: call.token ?? 'none', progress: 1 });
    return call.answers.user_name ? text('ok') : required(who);
  }],
  test_trigger_tool_change: [none, call => { call.changed('tools'); return text('ok'); }],
  test_trigger_prompt_change: [none, call => { call.changed('prompts'); return text('ok'); }],
  test_logging_tool: [none, async call => {
    if (call.logLevel) call.notify('notifications/message', { level: 'info', data: 'logged' });
    return text('ok');
  }],
};

const prompts = {
  test_simple_prompt: [[], () => [{ type: 'text', text: 'This is a simple prompt for testing.' }]],
  test_prompt_with_arguments: [['arg1', 'arg2'], args => [{ type: 'text', text: `Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'` }]],
  test_prompt_with_embedded_resource: [['resourceUri'], args => [{ type: 'resource', resource: { uri: args.resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' } }, { type: 'text', text: 'Please process the embedded resource above.' }]],
  test_prompt_with_image: [[], () => [{ type: 'image', data: PNG, mimeType: 'image/png' }, { type: 'text', text: 'Please analyze the image above.' }]],
};
const resources = [
  { uri: 'test://static-text', name: 'static-text', description: 'A text', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'static-binary', description: 'A picture', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched-resource', description: 'One that changes', mimeType: 'text/plain' },
];

function read(uri) {
  if (uri === 'test://static-text') return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' };
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: PNG };
  if (uri === 'test://watched-resource') return { uri, mimeType: 'text/plain', text: 'watched' };
  const id = uri.match(/^test:\/\/template\/([^/]+)\/data$/)?.[1];
  if (id) return { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
  return undefined;
}

export function startFixture(era, port = 0) {
  const modern = era === 'modern';
  const tools = { ...shared, ...(modern ? modernTools : legacyTools) };
  const waiting = new Map();
  const listeners = new Set();
  const capabilities = { tools: { listChanged: true }, prompts: { listChanged: modern }, resources: modern ? {} : { subscribe: true }, completions: {}, ...(!modern && { logging: {} }) };
  const hints = { ttlMs: 1000, cacheScope: 'private' };
  const server = { name: `conformance-fixture-${era}`, version: '1' };

  async function handle(method, params, call) {
    switch (method) {
      case 'initialize': if (modern) break; return { protocolVersion: '2025-11-25', capabilities, serverInfo: server };
      case 'server/discover': if (!modern) break; return { supportedVersions: ['2026-07-28'], capabilities, ...hints, _meta: { 'io.modelcontextprotocol/serverInfo': server } };
      case 'ping': if (modern) break; return {};
      case 'logging/setLevel': if (modern) break; return {};
      case 'tools/list': return { tools: Object.entries(tools).map(([name, [inputSchema]]) => ({ name, description: `The tool ${name} of the conformance suite.`, inputSchema, annotations: { readOnlyHint: true } })), ...hints };
      case 'tools/call': {
        const tool = tools[params.name];
        if (!tool) throw { code: -32602, message: `no tool ${params.name}` };
        return tool[1](call);
      }
      case 'prompts/list': return { prompts: [...Object.entries(prompts).map(([name, [args]]) => ({ name, description: `The prompt ${name}`, arguments: args.map(arg => ({ name: arg, description: arg, required: true })) })), ...(modern ? [{ name: 'test_input_required_result_prompt', description: 'Asks first' }] : [])], ...hints };
      case 'prompts/get': {
        if (modern && params.name === 'test_input_required_result_prompt') {
          const answer = accepted(call.answers.user_context);
          if (!answer) return required({ user_context: elicit('What context should the prompt use?', { context: { type: 'string' } }) });
          return { messages: [{ role: 'user', content: { type: 'text', text: answer.context } }] };
        }
        const prompt = prompts[params.name];
        if (!prompt) throw { code: -32602, message: `no prompt ${params.name}` };
        return { messages: prompt[1](params.arguments ?? {}).map(content => ({ role: 'user', content })) };
      }
      case 'resources/list': return { resources, ...hints };
      case 'resources/templates/list': return { resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'One by its id', mimeType: 'application/json' }], ...hints };
      case 'resources/read': {
        const contents = read(params.uri);
        if (!contents) throw { code: modern ? -32602 : -32002, message: 'Resource not found', data: { uri: params.uri } };
        return { contents: [contents], ...hints };
      }
      case 'resources/subscribe': case 'resources/unsubscribe': if (modern) break; return {};
      case 'completion/complete': return { completion: { values: ['paris', 'park', 'party'].filter(value => value.startsWith(params.argument.value)), total: 3, hasMore: false } };
      default:
    }
    throw { code: -32601, message: `${method} is not known` };
  }

  const http = createServer((request, response) => {
    if (request.method !== 'POST') { response.writeHead(405).end(); return; }
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', async () => {
      const message = JSON.parse(body);
      if (message.method === undefined) {
        waiting.get(message.id)?.(message);
        waiting.delete(message.id);
        response.writeHead(202).end();
        return;
      }
      if (message.id === undefined) { response.writeHead(202).end(); return; }
      const params = message.params ?? {};
      const meta = params._meta ?? {};
      let streaming = false;
      const send = sent => {
        if (!streaming) { response.writeHead(200, { 'content-type': 'text/event-stream' }); streaming = true; }
        response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...sent })}\n\n`);
      };
      const call = {
        args: params.arguments ?? {}, answers: params.inputResponses ?? {}, state: params.requestState, token: meta.progressToken,
        capabilities: meta['io.modelcontextprotocol/clientCapabilities'] ?? {}, logLevel: meta['io.modelcontextprotocol/logLevel'],
        notify: (method, params) => send({ method, params }),
        changed: what => { for (const listener of listeners) listener(what); },
        ask: asked => new Promise((answer, refuse) => {
          const id = randomUUID();
          waiting.set(id, back => (back.error ? refuse(back.error) : answer(back.result)));
          send({ id, ...asked });
        }),
      };
      if (modern && message.method === 'subscriptions/listen') {
        const tag = { 'io.modelcontextprotocol/subscriptionId': message.id };
        const asked = params.notifications ?? {};
        send({ method: 'notifications/subscriptions/acknowledged', params: { notifications: asked, _meta: tag } });
        const listener = what => { if (asked[`${what}ListChanged`]) send({ method: `notifications/${what}/list_changed`, params: { _meta: tag } }); };
        listeners.add(listener);
        response.on('close', () => listeners.delete(listener));
        return;
      }
      let answer;
      let status = 200;
      try {
        const result = await handle(message.method, params, call);
        answer = { result: modern ? { resultType: 'complete', ...result } : result };
      } catch (error) {
        answer = { error: { code: error.code ?? -32603, message: error.message ?? String(error), ...(error.data && { data: error.data }) } };
        if (modern) status = { '-32601': 404, '-32021': 400 }[error.code] ?? 200;
      }
      if (streaming) { send({ id: message.id, ...answer }); response.end(); return; }
      response.writeHead(status, { 'content-type': 'application/json', ...(message.method === 'initialize' && { 'mcp-session-id': randomUUID() }) });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer }));
    });
  });
  return new Promise(ready => http.listen(port, '127.0.0.1', () => ready({ url: `http://127.0.0.1:${http.address().port}/mcp`, stop: () => http.close() })));
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log((await startFixture(process.argv[2], Number(process.argv[3] ?? 0))).url);
