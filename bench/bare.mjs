// Chromium with as little attached to its pages as there can be: what drives browsers for tests is told of each request and each
// piece of an answer, which the browser's own processes pay for on the cores that the page is measured on.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const END = '\0';

/** A browser with a profile on disk, as people have: without one Chromium keeps no compiled code from one load to the next. */
export class BareBrowser {
  #answers = new Map();
  #child;
  #last = 0;
  #profile = mkdtempSync(join(tmpdir(), 'tacho-profile-'));
  #rest = '';

  constructor(executablePath, args = []) {
    const own = ['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, '--no-first-run'];
    this.#child = spawn(executablePath, [...own, ...args, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.#child.on('exit', () => this.#answers.forEach(({ fail }) => fail(new Error('the browser is gone'))));
    this.#child.stdio[4].setEncoding('utf8').on('data', (text) => this.#hear(text));
  }

  /** A call of the Chrome DevTools Protocol: https://chromedevtools.github.io/devtools-protocol/ */
  send(method, params = {}, sessionId = undefined) {
    this.#last += 1;
    const id = this.#last;
    this.#child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + END);
    return new Promise((done, fail) => this.#answers.set(id, { done, fail, method }));
  }

  /** An empty tab of that size. */
  async openTab(width, height) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', metrics, sessionId);
    return new Tab(this, targetId, sessionId);
  }

  async close() {
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.send('Browser.close').catch(() => undefined);
    await gone;
    rmSync(this.#profile, { recursive: true, force: true });
  }

  #hear(text) {
    const messages = (this.#rest + text).split(END);
    this.#rest = messages.pop();
    for (const message of messages) {
      const { id, result, error } = JSON.parse(message);
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) answer?.fail(new Error(`${answer.method}: ${error.message}`));
      else answer?.done(result);
    }
  }
}

class Tab {
  constructor(browser, targetId, sessionId) {
    Object.assign(this, { browser, targetId, sessionId });
  }

  /** Is over once the page is on its way, long before it is there. */
  goTo(url) {
    return this.browser.send('Page.navigate', { url }, this.sessionId);
  }

  /** The value of an expression, or what its promise comes to. */
  async evaluate(expression) {
    const wanted = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.browser.send('Runtime.evaluate', wanted, this.sessionId);
    if (exceptionDetails) throw new Error(String(result.value ?? result.description));
    return result.value;
  }

  close() {
    return this.browser.send('Target.closeTarget', { targetId: this.targetId });
  }
}
