import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

import { packed } from './assets.config.ts';

// `npm run dev` serves the page and passes API calls on to a server, by default the one `make run` starts.
const server = process.env.TACHO_URL ?? 'http://127.0.0.1:9380';

export default defineConfig({
  plugins: [react(), packed()],
  build: {
    target: 'baseline-widely-available',
    // Fonts and images stay files: the content security policy allows no `data:` fonts.
    assetsInlineLimit: 0,
    // The page is one small bundle; the preload helper would only add to it.
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { '/api': { target: server, secure: false }, '/metrics': { target: server, secure: false } },
  },
  test: { environment: 'node', include: ['src/**/*.test.{ts,tsx}'] },
});
