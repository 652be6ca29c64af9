// The steps that every client must complete.
export const EXPECTED_TOOLS = ['list_connected_apps', 'revoke_connected_app', 'server_info', 'wait', 'whoami'];

export const count = { passed: 0 };

export function check(condition, what) {
  if (!condition) throw new Error(`failed: ${what}`);
  count.passed += 1;
  console.log(`ok - ${what}`);
}

export const sleep = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000));
