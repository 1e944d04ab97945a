import { Modal, PasswordInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation } from '@tanstack/react-query';

import { changeOwnPassword } from '../api/session';
import { FormEnd } from './FormEnd';
import { text } from '../text';

export interface PasswordDialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

export function PasswordDialog({ opened, onClose }: PasswordDialogProps): JSX.Element {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={text.access.changePassword}
      size="sm"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {opened && <PasswordForm onDone={onClose} />}
    </Modal>
  );
}

function PasswordForm({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useMutation({ mutationFn: () => changeOwnPassword(current, next), onSuccess: onDone });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form onSubmit={submit}>
      <PasswordInput
        label={text.access.currentPassword}
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
        autoComplete="current-password"
        required
        withAsterisk={false}
        data-autofocus
      />
      <PasswordInput
        mt="sm"
        label={text.access.newPassword}
        description={text.access.passwordRule}
        value={next}
        onChange={(event) => setNext(event.currentTarget.value)}
        autoComplete="new-password"
        minLength={8}
        required
        withAsterisk={false}
      />
      <FormEnd label={text.access.changePassword} busy={change.isPending} error={change.error} />
    </form>
  );
}
