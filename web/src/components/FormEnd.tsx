import { Button, Group } from '@mantine/core';
import type { JSX } from 'react';

import { Failure } from './Failure';

export interface FormEndProps {
  /** Of the button that sends the form. */
  readonly label: string;
  readonly busy: boolean;
  readonly disabled?: boolean;
  readonly error: Error | null;
}

/** The end of a form: why it was not taken, and the button that sends it. */
export function FormEnd({ label, busy, disabled = false, error }: FormEndProps): JSX.Element {
  return (
    <>
      <Failure error={error} />
      <Group justify="flex-end" mt="md">
        <Button type="submit" size="xs" loading={busy} disabled={disabled}>
          {label}
        </Button>
      </Group>
    </>
  );
}
