// Waits for what commands added: the server notices it within a second, and reads the lists of its upstreams after that.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { sleep } from './check.mjs';

// Resolves as soon as tools of each upstream are listed for the user of the token.
export async function untilListed(server, token, upstreams) {
  let missing = upstreams;
  for (let attempt = 0; attempt < 60; attempt += 1) {
    if (attempt) await sleep(0.5);
    const client = new Client({ name: 'listed', version: '1' }, { capabilities: {} });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp?surface=direct`), { requestInit: { headers: { authorization: `Bearer ${token}` } } }));
    const names = [];
    let cursor;
    do {
      const page = await client.listTools({ cursor });
      names.push(...page.tools.map(tool => tool.name));
      cursor = page.nextCursor;
    } while (cursor);
    await client.close();
    missing = upstreams.filter(upstream => !names.some(name => name.startsWith(`${upstream}_`)));
    if (missing.length === 0) return;
  }
  throw new Error(`no tools are listed of ${missing.join(', ')}`);
}
