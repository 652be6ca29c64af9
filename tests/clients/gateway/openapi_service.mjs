// A REST API with many operations, described by an OpenAPI document: things that can be listed, read, made, changed and removed.
// It returns the request that it received, so that a test sees its headers and arguments.
import { createServer } from 'node:http';

const KINDS = Array.from({ length: 64 }, (_, index) => `kind${String(index).padStart(2, '0')}`);

export function document(url) {
  const paths = {};
  for (const kind of KINDS) {
    const id = [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
    const ok = { 200: { description: 'It worked.' } };
    const body = { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } };
    paths[`/${kind}`] = {
      get: { operationId: `list_${kind}`, summary: `Lists things of ${kind}`, parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }], responses: ok },
      post: { operationId: `create_${kind}`, summary: `Makes a thing of ${kind}`, requestBody: body, responses: ok },
    };
    paths[`/${kind}/{id}`] = {
      parameters: id,
      get: { operationId: `get_${kind}`, summary: `Reads one thing of ${kind}`, responses: ok },
      put: { operationId: `replace_${kind}`, summary: `Replaces a thing of ${kind}`, requestBody: body, responses: ok },
      delete: { operationId: `delete_${kind}`, summary: `Removes a thing of ${kind}`, responses: ok },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Things', version: '1' },
    servers: [{ url }],
    paths,
    components: { schemas: { Thing: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, parent: { $ref: '#/components/schemas/Thing' } } } } },
  };
}

export async function startService() {
  let url;
  const service = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => { body += chunk; });
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/openapi.json') return response.end(JSON.stringify(document(url)));
      response.end(JSON.stringify({ method: request.method, url: request.url, authorization: request.headers.authorization ?? null, key: request.headers['x-api-key'] ?? null, body: body ? JSON.parse(body) : null }));
    });
  });
  await new Promise(ready => service.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${service.address().port}`;
  return { url, operations: KINDS.length * 5, stop: () => service.close() };
}
