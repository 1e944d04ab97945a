import { useEffect } from 'react';

export const isApple = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** How the palette's key is called here. */
export const PALETTE_KEY = isApple ? '⌘K' : 'Ctrl K';

/** ⌘K or Ctrl-K, wherever somebody types. */
export function usePaletteKey(open: () => void): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const isKey = event.key.toLowerCase() === 'k' && !event.altKey && !event.shiftKey;
      if (!isKey || !(isApple ? event.metaKey : event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      open();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [open]);
}
