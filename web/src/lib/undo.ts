/** The views of time that were left, so that each can be gone back to. */
import type { Range, Span } from './range';

export interface TimeView {
  readonly range: Range;
  readonly pinMs: number | null;
  readonly selection: Span | null;
}

export interface Left {
  readonly view: TimeView;
  readonly atMs: number;
  /** One of many small steps. */
  readonly smooth: boolean;
}

const MOST = 100;
/** Small steps closer together than this are one. */
const TOGETHER_MS = 800;

const sameView = (left: TimeView, right: TimeView): boolean => JSON.stringify(left) === JSON.stringify(right);

/** Notes that a view is left. */
export function leave(stack: readonly Left[], left: Left): readonly Left[] {
  const last = stack.at(-1);
  if (last && sameView(last.view, left.view)) return stack;
  if (last?.smooth && left.smooth && left.atMs - last.atMs < TOGETHER_MS) {
    // The view before the first of them stays; only its time moves on.
    return [...stack.slice(0, -1), { ...last, atMs: left.atMs }];
  }
  return [...stack, left].slice(-MOST);
}

/** The view to go back to from `current`, and what is left of the stack. */
export function goBack(
  stack: readonly Left[],
  current: TimeView,
): { readonly view: TimeView | null; readonly stack: readonly Left[] } {
  const rest = [...stack];
  let view = rest.pop()?.view ?? null;
  while (view && sameView(view, current)) view = rest.pop()?.view ?? null;
  return { view, stack: rest };
}
