// The user at the browser: signs in and decides on the real pages, without a screen. It keeps
// cookies in a file, so that it is the same browser each time, and follows the last redirect to a
// loopback callback as a browser does.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const unescape = text => text.replaceAll('&#38;', '&').replaceAll('&amp;', '&').replaceAll('&#34;', '"').replaceAll('&quot;', '"');

export class Human {
  constructor(base, name, password, jar = undefined) {
    Object.assign(this, { base, name, password, jar, cookies: new Map(), consents: 0 });
    if (jar && existsSync(jar)) this.cookies = new Map(JSON.parse(readFileSync(jar, 'utf8')));
  }

  async fetch(url, form = undefined) {
    const headers = { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const answer = await fetch(url, { method: form ? 'POST' : 'GET', body: form && new URLSearchParams(form), headers, redirect: 'manual' });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair] = cookie.split(';');
      const at = pair.indexOf('=');
      if (cookie.includes('Max-Age=0')) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    if (this.jar) {
      // Others read the file at this moment: they find it whole, before or after.
      const fresh = `${this.jar}.${process.pid}`;
      writeFileSync(fresh, JSON.stringify([...this.cookies]));
      renameSync(fresh, this.jar);
    }
    return { status: answer.status, location: answer.headers.get('location'), html: await answer.text() };
  }

  // The hidden fields of the form that posts to `action`.
  form(html, action) {
    const at = html.indexOf(`action="${new URL(this.base).pathname.replace(/\/$/, '')}${action}"`);
    if (at < 0) throw new Error(`no form for ${action}: ${html.slice(0, 500)}`);
    const body = html.slice(at, html.indexOf('</form>', at));
    const fields = {};
    for (const [, name, value] of body.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)) fields[name] = unescape(value);
    for (const [, name] of body.matchAll(/type="checkbox" name="([^"]+)"/g)) fields[name] = 'on';
    return fields;
  }

  async signIn(page) {
    const fields = { ...this.form(page.html, '/login'), name: this.name, password: this.password };
    const answer = await this.fetch(`${this.base}/login`, fields);
    if (answer.status !== 303) throw new Error(`signing in answered ${answer.status}`);
    return answer;
  }

  // Follows an authorization URL through sign-in and consent and returns where the client is answered.
  async authorize(url, decision = 'allow') {
    let answer = await this.fetch(url);
    for (let step = 0; step < 10; step += 1) {
      if (answer.location) {
        if (!answer.location.startsWith(this.base)) return answer.location;
        answer = await this.fetch(answer.location);
      } else if (answer.html.includes('action="/login"')) {
        answer = await this.signIn(answer);
      } else if (answer.html.includes('action="/consent"')) {
        this.consents += 1;
        answer = await this.fetch(`${this.base}/consent`, { ...this.form(answer.html, '/consent'), decision });
      } else {
        throw new Error(`an unexpected page (${answer.status}): ${answer.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ').slice(0, 400)}`);
      }
    }
    throw new Error('the pages lead in a circle');
  }

  // Revokes the access of every connected app of this name.
  async revoke(appName) {
    let page = await this.fetch(`${this.base}/account`);
    if (page.location) {
      await this.signIn(await this.fetch(page.location));
      page = await this.fetch(`${this.base}/account`);
    }
    let revoked = 0;
    for (const row of page.html.split('<tr id=').slice(1)) {
      const id = row.match(/name="client_id" value="([^"]+)"/)?.[1];
      if (!id || !row.includes(`<bdi>${appName}</bdi>`)) continue;
      const form = row.slice(row.indexOf('/account/revoke'));
      const csrf = form.match(/name="csrf" value="([^"]+)"/)[1];
      const answer = await this.fetch(`${this.base}/account/revoke`, { csrf, client_id: unescape(id) });
      if (answer.status !== 303) throw new Error(`revoking answered ${answer.status}`);
      revoked += 1;
    }
    if (!revoked) throw new Error(`no connected app is named ${appName}`);
    return revoked;
  }
}

// As a program: `node human.mjs authorize URL` (what a desktop's browser opener is replaced by), `node human.mjs revoke NAME`.
if (process.argv[1] === new URL(import.meta.url).pathname && process.argv[2]) {
  const { DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, HUMAN_JAR } = process.env;
  const human = new Human(DOORWARD_URL, HUMAN_NAME, HUMAN_PASSWORD, HUMAN_JAR);
  const [command, argument] = process.argv.slice(2);
  if (command === 'authorize') {
    const back = await human.authorize(argument);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await fetch(back);
        break;
      } catch (error) {
        if (attempt > 50) throw error;
        await new Promise(resolve => setTimeout(resolve, 100));
      }
    }
  } else if (command === 'revoke') {
    console.log(await human.revoke(argument));
  }
}
