import { ActionIcon, TextInput } from '@mantine/core';
import { type JSX, type RefObject, useEffect, useState } from 'react';

import { text } from '../text';
import { CloseIcon, SearchIcon } from './icons';

export interface FilterFieldProps {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly input: RefObject<HTMLInputElement | null>;
  readonly width?: number | string;
}

/** What is typed shows at once and reaches the address a moment later. */
const SETTLE_MS = 150;

export function FilterField({
  label,
  hint,
  value,
  onChange,
  input,
  width = 240,
}: FilterFieldProps): JSX.Element {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    // The address changed by itself: back button, or a link within the page.
    setKnown(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => {
      setKnown(typed);
      onChange(typed);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  const clear = (): void => {
    setTyped('');
    input.current?.focus();
  };
  return (
    <TextInput
      ref={input}
      size="xs"
      w={width}
      type="search"
      aria-label={label}
      placeholder={hint}
      value={typed}
      spellCheck={false}
      leftSection={<SearchIcon />}
      rightSection={
        typed === '' ? null : (
          <ActionIcon size="xs" variant="subtle" color="gray" aria-label={text.common.clear} onClick={clear}>
            <CloseIcon />
          </ActionIcon>
        )
      }
      onChange={(event) => setTyped(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        if (typed === '') event.currentTarget.blur();
        else setTyped('');
      }}
    />
  );
}
