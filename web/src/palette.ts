/**
 * Colours of the charts. Canvas cannot read style sheets cheaply, so that they are here and in
 * `styles/tokens.css` only where HTML shows them; both hues and lightness differ, for colour-blind eyes.
 */
import type { SlotName } from './lib/processColors';

export type ColorScheme = 'light' | 'dark' | 'light-contrast' | 'dark-contrast';

export type ColorName =
  'blue' | 'violet' | 'teal' | 'amber' | 'red' | 'slate' | 'process' | 'ghost' | SlotName;

export interface Palette {
  readonly line: Readonly<Record<ColorName, string>>;
  readonly grid: string;
  readonly axis: string;
  /** Opacity of the area below a line, and of a stacked area. */
  readonly area: number;
  readonly stackedArea: number;
  /** Colours of a heat map from idle to full. */
  readonly heat: readonly string[];
}

const plain: Readonly<Record<'light' | 'dark', Palette>> = {
  dark: {
    line: {
      blue: '#4c9be8',
      violet: '#a78bfa',
      teal: '#3fb8a3',
      amber: '#e5b454',
      red: '#ef6b6b',
      slate: '#8494a7',
      process: '#ff7ab8',
      ghost: '#b9c4d0',
      p1: '#56b4e9',
      p2: '#e69f00',
      p3: '#35c492',
      p4: '#f0e442',
      p5: '#6a8cf0',
      p6: '#ff7f4d',
      p7: '#d790b8',
      p8: '#b9a6ff',
    },
    grid: 'rgba(148, 163, 184, 0.10)',
    axis: '#7b8898',
    area: 0.16,
    stackedArea: 0.62,
    heat: ['#131a22', '#16304a', '#1c4f7c', '#2b79b8', '#6fb2dd', '#f2c76a', '#ef6b6b'],
  },
  light: {
    line: {
      blue: '#2672c4',
      violet: '#7c55d6',
      teal: '#178a77',
      amber: '#c98a10',
      red: '#cf3b3b',
      slate: '#8896a6',
      process: '#d6246e',
      ghost: '#4a5666',
      p1: '#2a8fc7',
      p2: '#b87700',
      p3: '#00875f',
      p4: '#8f8100',
      p5: '#2850b8',
      p6: '#c64f00',
      p7: '#b2528a',
      p8: '#6a51b8',
    },
    grid: 'rgba(51, 65, 85, 0.09)',
    axis: '#7a8797',
    area: 0.12,
    stackedArea: 0.58,
    heat: ['#f3f6f9', '#dbe9f6', '#add0ec', '#6aa9da', '#2f7cc0', '#e0a030', '#cf3b3b'],
  },
};

export const palettes: Readonly<Record<ColorScheme, Palette>> = {
  ...plain,
  'dark-contrast': {
    ...plain.dark,
    line: {
      ...plain.dark.line,
      blue: '#6fb6ff',
      violet: '#c4b0ff',
      teal: '#5fe0c8',
      slate: '#b8c4d2',
      ghost: '#ffffff',
    },
    grid: 'rgba(255, 255, 255, 0.24)',
    axis: '#ffffff',
    area: 0.25,
    stackedArea: 0.85,
  },
  'light-contrast': {
    ...plain.light,
    line: {
      ...plain.light.line,
      blue: '#0b4f9e',
      violet: '#5b2fc0',
      teal: '#0a6152',
      amber: '#8a5a00',
      ghost: '#000000',
    },
    grid: 'rgba(0, 0, 0, 0.24)',
    axis: '#000000',
    area: 0.2,
    stackedArea: 0.85,
  },
};

/** `#rrggbb` with an opacity. */
export function withAlpha(color: string, alpha: number): string {
  const byte = Math.round(Math.min(1, Math.max(0, alpha)) * 255);
  return color + byte.toString(16).padStart(2, '0');
}
