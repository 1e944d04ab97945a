/**
 * Hints: what an element with `data-hint` says while it is pointed at or has the keyboard. One box for all of them, made when the
 * first is shown: a component for each would cost every page more than all else in its bars.
 */
import styles from './hints.module.css';

/** Between the element and its hint, and the least to the edge of the window. */
const DISTANCE = 6;
const MARGIN = 4;

/** Where a box of a size goes: below its element, above where there is no room, within the window. */
export function placeHint(
  target: Pick<DOMRect, 'left' | 'top' | 'bottom' | 'width'>,
  box: { readonly width: number; readonly height: number },
  room: { readonly width: number; readonly height: number },
): { readonly left: number; readonly top: number } {
  const centred = target.left + target.width / 2 - box.width / 2;
  const left = Math.max(MARGIN, Math.min(centred, room.width - box.width - MARGIN));
  const below = target.bottom + DISTANCE;
  const top = below + box.height + MARGIN <= room.height ? below : target.top - DISTANCE - box.height;
  return { left, top: Math.max(MARGIN, top) };
}

/** Listens for elements with hints, for as long as the page is there. */
export function installHints(page: Document): void {
  let box: HTMLElement | null = null;
  let shown: HTMLElement | null = null;

  const hide = (): void => {
    box?.remove();
    shown = null;
  };
  const show = (target: HTMLElement): void => {
    shown = target;
    box ??= makeBox(page);
    box.textContent = target.dataset['hint'] ?? '';
    page.body.append(box);
    const room = { width: page.documentElement.clientWidth, height: page.documentElement.clientHeight };
    const { left, top } = placeHint(target.getBoundingClientRect(), box.getBoundingClientRect(), room);
    box.style.translate = `${String(Math.round(left))}px ${String(Math.round(top))}px`;
  };
  const look = ({ target }: Event): void => {
    const found = target instanceof Element ? target.closest<HTMLElement>('[data-hint]') : null;
    if (found === shown && found?.isConnected) return;
    // What is open says itself what it is, where the hint would be.
    const isOpen = found?.getAttribute('aria-expanded') === 'true';
    if (found && found.dataset['hint'] !== '' && !isOpen) show(found);
    else hide();
  };

  page.addEventListener('pointerover', look, { passive: true });
  page.addEventListener('focusin', (event) => {
    if (event.target instanceof Element && event.target.matches(':focus-visible')) look(event);
  });
  page.addEventListener('focusout', hide);
  page.addEventListener('pointerdown', hide, { passive: true });
  page.addEventListener('pointerleave', hide, { passive: true });
  page.addEventListener('scroll', hide, { passive: true, capture: true });
  page.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide();
  });
}

function makeBox(page: Document): HTMLElement {
  const box = page.createElement('div');
  box.setAttribute('role', 'tooltip');
  box.className = styles.hint ?? '';
  return box;
}
