/** A process that eats the CPU, under a name that a rule of the tests knows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';

export const HOG = 'tacho-busy';

export interface Hog {
  readonly pid: string;
  readonly stop: () => void;
}

/** Where `make screenshots` has the pair in namespaces of its own: how to get there. */
const ENTER = process.env.ENTER?.split(' ') ?? [];
/** There its pid is another one, and it can not be stopped from here: it ends by itself. */
const SECONDS_INSIDE = '55';

/** A busy loop until it is stopped; nothing of it stays. */
export function startHog(): Hog {
  const directory = mkdtempSync(join(tmpdir(), 'tacho-hog-'));
  const program = join(directory, HOG);
  copyFileSync(realpathSync('/bin/sh'), program);
  chmodSync(program, 0o755);
  const [first = '', ...rest] =
    ENTER.length === 0 ? [program] : [...ENTER, 'nice', '-n', '-19', 'timeout', SECONDS_INSIDE, program];
  const child: ChildProcess = spawn(first, [...rest, '-c', 'while :; do :; done'], { stdio: 'ignore' });
  // It stands out on a machine that is busy with other things, too; only root may.
  if (process.getuid?.() === 0 && child.pid !== undefined) setPriority(child.pid, -10);
  return {
    pid: String(child.pid),
    stop: () => {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
