import type { MarkKind } from './marks';

/** Told apart by shape as well as by colour. */
export const SIGNS: Readonly<Record<MarkKind, string>> = {
  fired: '!',
  resolved: '✓',
  oom: '✕',
  kernel: 'K',
  boot: '↻',
  deploy: '▲',
  login: '→',
  logout: '←',
  agent: 'A',
  other: '·',
};
