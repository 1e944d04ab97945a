import type { MantineColorsTuple } from '@mantine/core';

import { createTheme } from '@mantine/core';

/** The accent: the amber of an instrument's needle is kept for the pointer, blue is for controls. */
const blue: MantineColorsTuple = [
  '#eaf3fd',
  '#d3e4f8',
  '#a6c8ef',
  '#76abe6',
  '#4f92de',
  '#3881d8',
  '#2c78d2',
  '#2067bb',
  '#175ca8',
  '#044f95',
];

const gray: MantineColorsTuple = [
  '#f7f8fa',
  '#eff1f4',
  '#e2e6ea',
  '#d0d6dd',
  '#b3bcc7',
  '#8d99a8',
  '#677486',
  '#4b5768',
  '#323c4a',
  '#1d2530',
];

const dark: MantineColorsTuple = [
  '#d5dbe3',
  '#aeb8c4',
  '#8593a3',
  '#5d6b7c',
  '#3a4654',
  '#2a3441',
  '#1f2833',
  '#161d26',
  '#10161d',
  '#0b1016',
];

export const theme = createTheme({
  fontFamily:
    'Inter, system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, "JetBrains Mono", Menlo, "DejaVu Sans Mono", monospace',
  colors: { blue, gray, dark },
  primaryColor: 'blue',
  primaryShade: { light: 7, dark: 5 },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  fontSizes: { xs: '11px', sm: '12px', md: '13px', lg: '15px', xl: '18px' },
  headings: { fontWeight: '600' },
  focusRing: 'auto',
});
