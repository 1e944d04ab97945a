/** What the chart library makes when it is loaded and the page never uses. */
import type { Plugin } from 'vite';

/**
 * The charts label their own axes. A formatter of numbers and one of dates are the first that a tab makes of either, and the
 * browser then reads its tables of languages and zones: tens of milliseconds before anything is drawn.
 */
const UNUSED: readonly (readonly [string, string])[] = [
  ["new Intl.NumberFormat(domEnv ? nav.language : 'en-US')", '{ format: String }'],
  ['new Intl.DateTimeFormat().resolvedOptions().timeZone', 'undefined'],
];

/** Takes them out, and fails the build when they are not there to be taken out. */
export function plainCharts(): Plugin {
  return {
    name: 'tacho-plain-charts',
    apply: 'build',
    transform: {
      filter: { id: /uPlot\.esm\.js$/ },
      handler(code) {
        return UNUSED.reduce((rest, [made, plain]) => {
          if (!rest.includes(made))
            this.error(`uPlot no longer says \`${made}\`: look at web/uplot.config.ts`);
          return rest.replace(made, plain);
        }, code);
      },
    },
  };
}
