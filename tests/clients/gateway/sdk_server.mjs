// A small server made with the second version of the TypeScript SDK as it is: over standard input and output.
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';

const server = new McpServer({ name: 'real', version: '1' });
server.registerTool('echo', { description: 'Says what it is told.' }, async () => ({ content: [{ type: 'text', text: 'Echo: hello' }] }));
server.registerTool('fail', { description: 'Fails.' }, async () => { throw new Error('it fails as it should'); });
await server.connect(new StdioServerTransport());
