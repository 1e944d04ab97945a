import { Button } from '@mantine/core';
import { type JSX, useState } from 'react';

import { text } from '../text';

export interface ConfirmProps {
  readonly label: string;
  /** Said by the second click. */
  readonly question: string;
  readonly onConfirm: () => void;
  readonly busy?: boolean;
}

/** A button that asks once more before it does what cannot be undone. */
export function Confirm({ label, question, onConfirm, busy = false }: ConfirmProps): JSX.Element {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <Button size="compact-xs" variant="subtle" color="gray" loading={busy} onClick={() => setAsked(true)}>
        {label}
      </Button>
    );
  }
  return (
    <Button.Group>
      <Button
        size="compact-xs"
        color="red"
        loading={busy}
        onClick={() => {
          setAsked(false);
          onConfirm();
        }}
      >
        {question}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => setAsked(false)}>
        {text.common.cancel}
      </Button>
    </Button.Group>
  );
}
