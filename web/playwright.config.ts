import { defineConfig } from '@playwright/test';

/**
 * Runs against a server that is there already, with a host that sends snapshots: TACHO_URL, TACHO_USER and
 * TACHO_PASSWORD say which. The browser is the system's, so that nothing is downloaded.
 */
const isRoot = process.getuid?.() === 0;

export default defineConfig({
  testDir: 'e2e',
  fullyParallel: false,
  workers: 1,
  retries: 0,
  // A server built without optimisation, on a machine that is busy with other things, takes its time.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [['list']],
  use: {
    baseURL: process.env.TACHO_URL ?? 'http://127.0.0.1:9380',
    // The server's own authority is not one that a browser knows.
    ignoreHTTPSErrors: true,
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    colorScheme: 'dark',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // Chromium's sandbox does not start for root.
      args: isRoot ? ['--no-sandbox'] : [],
    },
  },
});
