/** How a process ended, in words. */
import type { Exit } from '../../api/processHistory';
import { text } from '../../text';

/** Of the numbers that Linux has on every common machine. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

export function exitText({ code, signal }: Pick<Exit, 'code' | 'signal'>): string {
  const words = text.processPage.exits;
  if (signal !== null) return words.signal(SIGNALS[signal] ?? String(signal));
  return code === null ? words.unknown : words.code(code);
}

/** One that somebody may want to know of: not an orderly end. */
export const isBadExit = ({ code, signal }: Pick<Exit, 'code' | 'signal'>): boolean =>
  signal !== null || (code !== null && code !== 0);
