/** Words of every page. */
export const app = {
  product: 'Tacho',

  /** What follows a number. Binary units are the same everywhere. */
  units: {
    day: 'd',
    hour: 'h',
    minute: 'm',
    second: 's',
    millisecond: 'ms',
    /** Between two units of one duration. */
    between: ' ',
    /** Steps of large counts. */
    counts: [
      [1e12, 'T'],
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'k'],
    ] as readonly (readonly [number, string])[],
  },

  common: {
    close: 'Close',
    retry: 'Try again',
    clear: 'Clear',
    loading: 'Loading',
    copy: 'Copy',
    copied: 'Copied',
    cancel: 'Cancel',
    columns: 'Columns',
    reset: 'As at first',
  },

  header: {
    nav: 'Pages',
    fleet: 'Fleet',
    alerts: (firing: number) => (firing === 1 ? '1 alert' : `${String(firing)} alerts`),
    storage: 'Storage',
    access: 'Access',
    find: 'Find',
    live: 'Live',
    liveHint: 'Snapshots arrive as they are taken',
    connecting: 'Connecting',
    lost: 'Offline',
    lostHint: 'The connection to the server is lost. The page shows what it last knew and keeps trying.',
    help: 'Keyboard and mouse help',
    theme: { light: 'Switch to light', dark: 'Switch to dark' },
    account: (user: string) => `Signed in as ${user}`,
    signOut: 'Sign out',
  },

  settings: {
    zone: 'Time zone',
    zones: { browser: 'Of this browser', utc: 'UTC' },
    language: 'Language',
    contrast: 'High contrast',
  },

  palette: {
    label: 'Find a page, host, process or action',
    hint: 'Host, page, process, action',
    none: 'Nothing is called like that.',
    groups: {
      page: 'Pages',
      host: 'Hosts',
      process: 'Processes in the table',
      time: 'Time',
      action: 'Actions',
      zone: 'Time zones',
    },
    scheme: 'Dark or light',
    highContrast: 'High contrast',
    normalContrast: 'Normal contrast',
    print: 'Print this page',
  },

  jump: {
    forward: 'Jump forward',
    back: 'Jump back',
    label: 'How far, or where to',
    hint: '1h',
    examples: '1h 30m · -2d · 03:12 · yesterday 3am · 2026-11-20 22:00',
    go: 'Jump',
  },

  signIn: {
    heading: 'Sign in',
    tagline: 'Which process did it?',
    user: 'User',
    password: 'Password',
    submit: 'Sign in',
    hint: 'A new server writes the password of “admin” to the file initial-password in its data directory.',
    wrong: 'User or password is wrong.',
    tooMany: 'Too many attempts. Wait a moment and try again.',
  },

  errors: {
    offline: {
      title: 'The server does not answer',
      detail: 'The page tries again by itself. Check that tacho-server runs and that you can reach it.',
    },
    notFound: (host: string) => ({
      title: `There is no host “${host}”`,
      detail: 'It was never joined, or it was removed from the fleet.',
    }),
    failed: (message: string) => ({ title: 'That did not work', detail: message }),
    crashed: {
      title: 'The page ran into a mistake of its own',
      detail: 'Reload it. If this comes back, the text below helps to find the cause.',
      reload: 'Reload',
    },
    unknownPage: { title: 'There is nothing at this address', back: 'Go to the fleet' },
  },

  state: { up: 'up', silent: 'silent', down: 'down' },

  help: {
    title: 'Keyboard and mouse',
    mouse: 'Charts',
    filter: 'Filters',
    time: 'Keys: time',
    keys: 'Keys: page',
    mouseRows: [
      ['Move', 'the process table shows that instant'],
      ['Click', 'pin the instant; click it again to unpin'],
      ['Drag', 'select a range: the table shows its totals'],
      ['Shift drag', 'zoom into the range at once'],
      ['Double click', 'zoom out'],
      ['Ctrl wheel', 'zoom in and out around the pointer'],
      ['Shift wheel', 'move earlier or later'],
      ['Click a name', 'show that line alone; with Shift: several'],
      ['Click a process', 'its lines overlay the charts'],
    ],
    timeRows: [
      ['T  →', 'next snapshot'],
      ['Shift T  ←', 'previous snapshot'],
      ['Shift ← →', 'ten snapshots back, on'],
      ['J', 'jump forward: 1h, 03:12, a date'],
      ['Shift J', 'jump back: 1h, yesterday 3am'],
      ['[ ]', 'earlier, later'],
      ['Enter', 'zoom into the selected range'],
      ['−', 'zoom out'],
      ['U', 'undo: back to the view before'],
      ['N', 'now: follow new snapshots'],
      ['C', 'compare with yesterday, last week'],
      ['W', 'what changed in the selected range'],
    ],
    keyRows: [
      ['/', 'filter'],
      ['M', 'least, mean and most in the legend'],
      ['Esc', 'clear selection, pin, process'],
      ['D', 'dark or light'],
      ['?', 'this help'],
    ],
    paletteRow: 'find any page, host, process, action',
    filterRows: [
      ['a b', 'both words'],
      ['a or b', 'either'],
      ['-a  not a', 'without'],
      ['(a or b) c', 'groups'],
      ['user:root', 'in one field'],
      ['cpu>50%', 'numbers: k, m, g, %'],
    ],
  },
};
