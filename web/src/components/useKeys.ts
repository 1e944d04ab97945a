import { useEffect, useRef } from 'react';

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const EDITABLE =
  'input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], [role="listbox"]';

/** What the keyboard has come to, and Enter presses. */
const PRESSED = ':is(a[href], button, summary):focus-visible';

/**
 * Keys of a page, by `event.key` in lower case, with `shift+` for named keys and letters. Not while somebody types, and
 * never with Ctrl, Alt or Meta: those belong to the browser.
 */
export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  useEffect(() => {
    current.current = keys;
  }, [keys]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      if (event.target instanceof Element && event.target.closest(EDITABLE)) return;
      if (event.key === 'Enter' && event.target instanceof Element && event.target.matches(PRESSED)) return;
      const isShifted = event.shiftKey && /^([a-z]|.{2,})$/i.test(event.key);
      const name = isShifted ? `shift+${event.key}` : event.key;
      const run = current.current[name.toLowerCase()];
      if (!run) return;
      event.preventDefault();
      run(event);
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}
