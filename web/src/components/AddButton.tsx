import { Button } from '@mantine/core';
import type { JSX } from 'react';

import { useMayChange } from '../state/session';
import { PlusIcon } from './icons';

export interface AddButtonProps {
  readonly label: string;
  readonly onClick: () => void;
}

/** Makes one more of what a section lists; nothing for those who may not. */
export function AddButton({ label, onClick }: AddButtonProps): JSX.Element | null {
  return useMayChange() ? (
    <Button size="xs" variant="default" leftSection={<PlusIcon />} onClick={onClick}>
      {label}
    </Button>
  ) : null;
}
