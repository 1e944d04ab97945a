import { Button, Group, Modal, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';

import { serverNow } from '../../api/client';
import { parseJump } from '../../lib/jump';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';

export interface JumpDialogProps {
  /** Null while it is closed. */
  readonly direction: 1 | -1 | null;
  readonly shownMs: number;
  readonly onJump: (ms: number) => void;
  readonly onClose: () => void;
}

/** Asks where in time to go: a length of time, a time of day, a date. */
export function JumpDialog({ direction, shownMs, onJump, onClose }: JumpDialogProps): JSX.Element {
  return (
    <Modal
      opened={direction !== null}
      onClose={onClose}
      title={direction === -1 ? text.jump.back : text.jump.forward}
      size="sm"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {direction !== null && (
        <JumpForm
          direction={direction}
          shownMs={shownMs}
          onJump={(ms) => {
            onClose();
            onJump(ms);
          }}
        />
      )}
    </Modal>
  );
}

interface JumpFormProps {
  readonly direction: 1 | -1;
  readonly shownMs: number;
  readonly onJump: (ms: number) => void;
}

function JumpForm({ direction, shownMs, onJump }: JumpFormProps): JSX.Element {
  const [typed, setTyped] = useState('');
  const ms = parseJump(typed, { shownMs, nowMs: serverNow(), direction });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ms !== null) onJump(ms);
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label={text.jump.label}
        placeholder={text.jump.hint}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        description={ms === null ? text.jump.examples : formatDateTime(ms)}
        autoComplete="off"
        data-autofocus
      />
      <Group justify="flex-end" mt="sm">
        <Button type="submit" size="xs" disabled={ms === null}>
          {text.jump.go}
        </Button>
      </Group>
    </form>
  );
}
