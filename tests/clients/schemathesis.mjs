// schemathesis (PyPI) against the OpenAPI document of the administrators' API: no server error, no undocumented answer.
import { spawn } from 'node:child_process';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './run.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const server = await startServer({ DOORWARD_ACCOUNTS__ARGON2_MEMORY_KIB: '64' });
server.cli('user', 'add', 'root', '--role', 'admin', '--role', 'auditor', '--password-stdin', '--keep-password');
// A missing If-Match is answered with 428 (RFC 6585), which schemathesis does not expect: that check stays out.
// A valid value depends on more than a schema can say (a name that is free, settings of a provider that go together), so a valid
// request may be refused; everything else must hold.
const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,use_after_free,ensure_resource_availability,ignored_auth';
// These end the token or the user of the run itself; they have their own run.
const ENDING = ['revokeToken', 'changeUser', 'deleteUser', 'setPassword', 'signUserOut', 'resetFactors'];
let failed = 0;
for (const [title, which] of [['everything that leaves this run its rights', ENDING.flatMap(id => ['--exclude-operation-id', id])], ['what may end them', ENDING.flatMap(id => ['--include-operation-id', id])]]) {
  const made = JSON.parse(server.cliWith('', '--json', 'token', 'create', 'fuzz', '--user', 'root', '--scope', 'admin'));
  const run = spawn(join(here, '.venv-schemathesis/bin/schemathesis'), ['run', `${server.url}/api/admin/openapi.json`, '-H', `Authorization: Bearer ${made.value}`, '--checks', CHECKS, '--max-examples', process.env.EXAMPLES ?? '60', '--workers', '1', ...(process.env.SEED ? ['--seed', process.env.SEED] : []), ...which], { cwd: here, timeout: 600_000 });
  // Not waited for in one piece: the server's log must be read meanwhile.
  const done = { stdout: '' };
  run.stdout.on('data', chunk => { done.stdout += chunk; });
  done.status = await new Promise(ended => run.on('exit', ended));
  const cases = done.stdout.match(/(\d+) generated.*/)?.[0] ?? '';
  console.log(`${done.status === 0 ? 'ok    ' : 'FAILED'} ${title}: ${cases}`);
  if (done.status !== 0) {
    failed += 1;
    // The summary with the seed (SEED=… repeats the run), then the failures, which the last lines of a run must show.
    const [, failures = ''] = done.stdout.match(/=+ FAILURES =+\n([\s\S]*?)\n=+ [A-Z]+ =+\n/) ?? [];
    console.log(`${done.stdout.slice(-1500)}\n${failures.slice(0, 12_000)}`);
  }
}
const log = server.log();
if (/ERROR.*panicked|handler panicked/.test(log)) { failed += 1; console.log('FAILED a handler panicked'); }
server.stop();
process.exit(failed ? 1 : 0);
