// What the page costs the browser: see bench/README.md. Told where the server is by TACHO_URL and TACHO_PASSWORD;
// DATA_HOST is a host with a day of history, LIVE_HOST one that sends snapshots now.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BareBrowser } from './bare.mjs';

const require = createRequire(new URL('../web/package.json', import.meta.url));
const { chromium } = require('@playwright/test');

const {
  TACHO_URL: baseURL = 'http://127.0.0.1:9380',
  TACHO_PASSWORD: password = '',
  DATA_HOST: dataHost = 'day-1',
  LIVE_HOST: liveHost = '',
  REPEAT = '15',
  LIVE_SECONDS = '720',
  PARTS = 'bundle load crosshair scroll heap',
  CHROMIUM: executablePath = '/usr/bin/chromium',
} = process.env;
const repeat = Number(REPEAT);
const liveSeconds = Number(LIVE_SECONDS);

const row = (name, value) => console.log(`${name.padEnd(64)} ${value}`);
const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, part) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * part))];
const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
const spread = (values) =>
  `median ${ms(quantile(values, 0.5))}, p95 ${ms(quantile(values, 0.95))}, most ${ms(Math.max(...values))}`;
const mib = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
const viewport = { width: 1440, height: 900 };
const wants = (part) => PARTS.split(' ').includes(part);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

if (wants('bundle')) bundle();
if (wants('load')) await load();

// A profile on disk, as people have.
const profile = mkdtempSync(join(tmpdir(), 'tacho-profile-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  args: ['--js-flags=--expose-gc', ...args],
  baseURL,
  ignoreHTTPSErrors: true,
  viewport,
});
const signedIn = await context.request.post('/api/v1/session', {
  data: { user: 'admin', password },
  headers: { 'X-Tacho-Request': '1' },
});
if (!signedIn.ok()) throw new Error(`signing in: ${await signedIn.text()}`);

context.setDefaultTimeout(120_000);
if (wants('crosshair')) {
  await crosshair(`/hosts/${dataHost}?range=30m`);
  await crosshair(`/hosts/${dataHost}?range=24h`);
}
if (wants('scroll')) await scroll();
if (wants('heap') && liveHost !== '') await heap();
await context.close();
rmSync(profile, { recursive: true });

/** Charts are drawn and the process table has rows; runs in the browser. */
function hostIsThere() {
  const charts = document.querySelectorAll('[data-track] canvas').length;
  return charts >= 6 && document.querySelectorAll('tbody tr[aria-rowindex]').length > 10;
}

function bundle() {
  const dist = fileURLToPath(new URL('../web/dist', import.meta.url));
  const assets = readdirSync(join(dist, 'assets'));
  const size = (name) => statSync(join(dist, name)).size;
  const sent = (name) => (assets.includes(`${name}.gz`) ? size(`assets/${name}.gz`) : size(`assets/${name}`));
  const html = readFileSync(join(dist, 'index.html'), 'utf8');
  const first = [...html.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map(([, name]) => name);
  const font = assets.filter((name) => name.endsWith('.woff2'));
  const sum = (names) => names.reduce((total, name) => total + sent(name), 0);
  row('first page, sent', `${(sum([...new Set([...first, ...font])]) / 1000).toFixed(1)} kB`);
  row('all of the page, sent', `${(sum(assets.filter((name) => !name.endsWith('.gz'))) / 1000).toFixed(1)} kB`);
}

/** How long pages take until they answer, in tabs with nothing attached but the question whether they do. */
async function load() {
  const browser = new BareBrowser(executablePath, args);
  const origin = new URL(baseURL).origin;
  const signedIn = await fetch(`${origin}/api/v1/session`, {
    method: 'POST',
    body: JSON.stringify({ user: 'admin', password }),
    headers: { 'Content-Type': 'application/json', 'X-Tacho-Request': '1' },
  });
  if (!signedIn.ok) throw new Error(`signing in: ${await signedIn.text()}`);
  const [name, value] = signedIn.headers.getSetCookie()[0].split(/[=;]/);
  await browser.send('Storage.setCookies', { cookies: [{ name, value, url: origin, httpOnly: true }] });
  // A browser that has only just begun has its own work to do.
  await pause(3000);
  const openTab = async () => {
    const tab = await browser.openTab(viewport.width, viewport.height);
    await pause(500);
    return tab;
  };

  /** From the click on a link to a page that answers: what is asked for is there, and the main thread is free. */
  const measure = async (what, path, isThere) => {
    const times = [];
    for (let run = 0; run <= repeat; run += 1) {
      const tab = await openTab();
      await tab.goTo(origin + path);
      const took = await tab.evaluate(whenThere(isThere));
      // The first one fills caches of browser and server.
      if (run === 0) row(`${what}, the first time`, ms(took));
      else times.push(took);
      await tab.close();
    }
    row(what, spread(times));
  };

  /** From the fleet to another page, as a click on a link goes, each time in a tab of its own. */
  const measureStep = async (what, path) => {
    const times = [];
    for (let run = 0; run <= repeat; run += 1) {
      const tab = await openTab();
      await tab.goTo(`${origin}/`);
      // The fleet fetches the code of the host page ahead, once it is there itself.
      await tab.evaluate(whenThere(fleetIsReady));
      await pause(1000);
      const began = await tab.evaluate(
        `history.pushState(null, '', ${JSON.stringify(path)}); dispatchEvent(new Event('tacho:address')); performance.now()`,
      );
      const ended = await tab.evaluate(whenThere(hostIsThere));
      if (run > 0) times.push(ended - began);
      await tab.close();
    }
    row(what, spread(times));
  };

  await measure('a page with nothing in it', '/-/ready', () => true);
  await measure('fleet page, interactive', '/', () => document.querySelectorAll('tbody tr').length > 10);
  await measure('host page over 24 h, interactive', `/hosts/${dataHost}?range=24h`, hostIsThere);
  await measure('host page over 30 min, interactive', `/hosts/${dataHost}?range=30m`, hostIsThere);
  await measureStep('host page over 24 h, from the fleet', `/hosts/${dataHost}?range=24h`);
  await browser.close();
}

/** Runs in the browser. */
function fleetIsReady() {
  const files = performance.getEntriesByType('resource').map(({ name }) => name);
  return document.querySelector('tbody tr') && files.some((file) => /charts-.*\.js$/.test(file));
}

/** When `isThere` first held in a frame of the page and the main thread was free after it, in milliseconds since it was opened. */
function whenThere(isThere) {
  return `new Promise((done, fail) => {
    setTimeout(() => fail('it is not there after 60 s'), 60_000);
    const free = () => setTimeout(() => done(performance.now()), 0);
    const look = () => requestAnimationFrame((${String(isThere)})() ? free : look);
    look();
  })`;
}

/** Times between frames while `act` runs. */
async function frames(page, act) {
  await page.evaluate(() => {
    const times = [];
    let last = performance.now();
    const next = (now) => {
      times.push(now - last);
      last = now;
      globalThis.going = requestAnimationFrame(next);
    };
    globalThis.frames = times;
    globalThis.going = requestAnimationFrame(next);
  });
  await act();
  return page.evaluate(() => {
    cancelAnimationFrame(globalThis.going);
    return globalThis.frames.slice(2);
  });
}

function tellFrames(name, times) {
  const late = times.filter((time) => time > 25).length;
  row(name, `${spread(times)}; ${((late / times.length) * 100).toFixed(1)} % of ${times.length} later than 25 ms`);
}

async function crosshair(path) {
  const page = await context.newPage();
  await page.goto(path);
  await page.waitForFunction(hostIsThere);
  const box = await page.locator('[data-charts] [role="slider"]').boundingBox();
  const rows = await page.locator('table[aria-label="Processes"]').getAttribute('aria-rowcount');
  const steps = 400;
  const times = await frames(page, async () => {
    for (let step = 0; step < steps; step += 1) {
      await page.mouse.move(box.x + (box.width * (step + 0.5)) / steps, box.y + 60 + (step % 40));
    }
  });
  tellFrames(`crosshair, ${path.split('=')[1]}, table of ${Number(rows) - 1} processes, frames`, times);
  await page.close();
}

async function scroll() {
  const page = await context.newPage();
  await page.goto('/');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length > 10);
  await page.mouse.move(700, 500);
  const hosts = await page.locator('table').first().getAttribute('aria-rowcount');
  const times = await frames(page, async () => {
    for (let step = 0; step < 200; step += 1) await page.mouse.wheel(0, step < 100 ? 250 : -250);
  });
  tellFrames(`fleet of ${Number(hosts) - 1} hosts, scrolling, frames`, times);
  await page.close();
}

/** What the page holds while it follows snapshots of each second. */
async function heap() {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const held = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return usedSize;
  };
  await page.goto(`/hosts/${liveHost}?range=5m`);
  await page.waitForFunction(hostIsThere);
  await page.waitForTimeout(10_000);
  const sizes = [await held()];
  const parts = 6;
  for (let part = 0; part < parts; part += 1) {
    await page.waitForTimeout((liveSeconds / parts) * 1000);
    sizes.push(await held());
  }
  row(`heap of the live host page, every ${liveSeconds / parts} s`, sizes.map(mib).join(', '));
  row('  snapshots in that time', String(liveSeconds));
  await page.close();
}
