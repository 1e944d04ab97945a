/** Who belongs to a process, among all that were there at one moment. */
import type { Process, ProcessKey } from '../../api/processes';

export interface Relatives {
  readonly self: Process | null;
  /** The process that started it; null when that has ended, or was not seen. */
  readonly parent: Process | null;
  readonly children: readonly Process[];
  /** Others of the same name. */
  readonly alike: readonly Process[];
}

const byCpu = (left: Process, right: Process): number =>
  (right.cpu_ratio ?? 0) - (left.cpu_ratio ?? 0) || left.key.pid - right.key.pid;

/** `name` finds its like where the process itself is not there. */
export function buildRelatives(
  processes: readonly Process[],
  { pid, startMs }: ProcessKey,
  name: string | null,
): Relatives {
  const self = processes.find(({ key }) => key.pid === pid && key.startMs === startMs) ?? null;
  // A parent started first: a later process only has the pid that the parent had.
  const parent = self
    ? (processes.find(({ key }) => key.pid === self.parent_pid && key.startMs <= startMs) ?? null)
    : null;
  const children = processes.filter((one) => one.parent_pid === pid && one.key.startMs >= startMs);
  const called = self?.name ?? name;
  const alike = processes.filter((one) => one !== self && called !== null && one.name === called);
  return { self, parent, children: children.sort(byCpu), alike: alike.sort(byCpu) };
}
