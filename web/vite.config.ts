import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

import { fontAhead, packed } from './assets.config.ts';
import { plainCharts } from './uplot.config.ts';

// `npm run dev` serves the page and passes API calls on to a server, by default the one `make run` starts.
const server = process.env.TACHO_URL ?? 'http://127.0.0.1:9380';

export default defineConfig({
  plugins: [react(), plainCharts(), fontAhead(), packed()],
  build: {
    target: 'baseline-widely-available',
    // Fonts and images stay files: the content security policy allows no `data:` fonts.
    assetsInlineLimit: 0,
    // How much the first page may take is looked at by `packed`.
    chunkSizeWarningLimit: 1000,
    // The page is one small bundle; the preload helper would only add to it.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // One file each, not one per module that two pages share: every file is a question of its own to the server.
        codeSplitting: {
          groups: [
            // What asks the server runs before the rest of the first page's code.
            { name: 'ahead', test: /[\\/]src[\\/]ahead\.ts$/, priority: 3 },
            { name: 'first', tags: ['$initial'], priority: 2 },
            {
              name: 'charts',
              // Sections are folded until somebody asks for them, charts are seldom saved, and a process has a page of its
              // own: that code comes then.
              test: /[\\/](?:uplot|pages[\\/]host(?![\\/](?:sections|export)[\\/]))[\\/]/,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  server: {
    proxy: { '/api': { target: server, secure: false }, '/metrics': { target: server, secure: false } },
  },
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'] },
});
