/** What is done with the built files: they are packed for the wire, and the first page is kept small. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import type { Plugin } from 'vite';

/** Bytes on the wire, packed, until somebody sees the fleet: script, styles and the font. */
const FIRST_PAGE_BYTES = 250_000;

/** What the server sends to browsers that take gzip, beside each file that gets smaller by it. */
const PACKED = '.gz';
const WORTH_PACKING = /\.(?:js|css|html|svg)$/;

/** Latin letters: every page has them. Other alphabets are fetched when they are there to be shown. */
const FIRST_FONT = /^inter-latin-wght-normal-.*\.woff2$/;

const wireBytes = (directory: string, name: string): number => {
  const data = readFileSync(join(directory, name));
  return WORTH_PACKING.test(name) ? gzipSync(data, { level: 9 }).length : data.length;
};

/** Files that `index.html` names, which are all that the fleet needs, and itself. */
export function firstPageFiles(directory: string): readonly string[] {
  const html = readFileSync(join(directory, 'index.html'), 'utf8');
  const named = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, name = '']) => name);
  const fonts = readdirSync(join(directory, 'assets')).filter((name) => FIRST_FONT.test(name));
  return [...new Set(['index.html', ...named, ...fonts.map((name) => `assets/${name}`)])];
}

export const firstPageBytes = (directory: string): number =>
  firstPageFiles(directory).reduce((sum, name) => sum + wireBytes(directory, name), 0);

/** Has the browser fetch the font beside the styles that ask for it: a page that gets it late is laid out twice. */
export function fontAhead(): Plugin {
  return {
    name: 'tacho-font-ahead',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { bundle = {} }) =>
        Object.keys(bundle)
          .filter((name) => FIRST_FONT.test(name.replace(/^assets\//, '')))
          .map((name) => ({
            tag: 'link',
            attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: true, href: `/${name}` },
            injectTo: 'head',
          })),
    },
  };
}

/** Packs the files of a build, and fails it when its first page is too large. */
export function packed(): Plugin {
  return {
    name: 'tacho-packed',
    apply: 'build',
    writeBundle({ dir = 'dist' }) {
      const bytes = firstPageBytes(dir);
      if (bytes > FIRST_PAGE_BYTES) {
        const most = (FIRST_PAGE_BYTES / 1000).toFixed(0);
        this.error(
          `the first page takes ${(bytes / 1000).toFixed(1)} kB, packed; at most ${most}: load something later`,
        );
      }
      this.info(`first page: ${(bytes / 1000).toFixed(1)} kB, packed`);
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!WORTH_PACKING.test(name)) continue;
        const data = readFileSync(join(dir, name));
        const small = gzipSync(data, { level: 9 });
        if (small.length < data.length) writeFileSync(join(dir, name + PACKED), small);
      }
    },
  };
}
