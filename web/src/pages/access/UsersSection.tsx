import { Button, Modal, PasswordInput, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type User, changeUser, createUser, fetchUsers, removeUser, usersKey } from '../../api/access';
import { ROLES, type Role } from '../../api/session';
import { Confirm } from '../../components/Confirm';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { PlusIcon } from '../../components/icons';
import { Failure } from '../../components/Failure';
import { FormEnd } from '../../components/FormEnd';
import { text } from '../../text';
import { dateOrNever } from './TokensSection';
import { useAccessChange } from './useAccessChange';

export function UsersSection({ own }: { readonly own: string }): JSX.Element {
  const words = text.access.users;
  const [adding, setAdding] = useState(false);
  const users = useQuery({ queryKey: usersKey, queryFn: ({ signal }) => fetchUsers(signal) });
  const remove = useAccessChange(usersKey, removeUser);
  const change = useAccessChange(usersKey, ({ name, role }: { name: string; role: Role }) =>
    changeUser(name, { role }),
  );
  const failure = remove.error ?? change.error;
  return (
    <Section
      title={words.title}
      action={
        <Button size="xs" variant="default" leftSection={<PlusIcon />} onClick={() => setAdding(true)}>
          {words.add}
        </Button>
      }
    >
      <Failure error={failure} />
      <Loaded of={users}>
        {(all) => (
          <PlainTable<User>
            label={words.title}
            rows={all}
            keyOf={({ name }) => name}
            columns={userColumns(own, change.mutate, remove.mutate)}
          />
        )}
      </Loaded>
      <Modal
        opened={adding}
        onClose={() => setAdding(false)}
        title={words.add}
        size="sm"
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {adding && <UserForm onDone={() => setAdding(false)} />}
      </Modal>
    </Section>
  );
}

function UserForm({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const words = text.access.users;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const create = useAccessChange(usersKey, createUser);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ name, role, password }, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label={words.name}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        autoComplete="off"
        required
        withAsterisk={false}
        data-autofocus
      />
      <PasswordInput
        mt="sm"
        label={text.signIn.password}
        description={text.access.passwordRule}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        autoComplete="new-password"
        minLength={8}
        required
        withAsterisk={false}
      />
      <SegmentedControl
        fullWidth
        mt="sm"
        size="xs"
        aria-label={text.access.role}
        value={role}
        onChange={(value) => setRole(ROLES.find((one) => one === value) ?? 'viewer')}
        data={ROLES.map((value) => ({ value, label: text.access.roles[value] }))}
      />
      <FormEnd label={words.add} busy={create.isPending} error={create.error} />
    </form>
  );
}

function userColumns(
  own: string,
  onRole: (user: { name: string; role: Role }) => void,
  onRemove: (name: string) => void,
): readonly PlainColumn<User>[] {
  const words = text.access.users;
  return [
    { label: words.name, cell: ({ name }) => (name === own ? words.own(name) : name) },
    {
      label: text.access.role,
      cell: ({ name, role }) => (
        <SegmentedControl
          size="xs"
          aria-label={words.roleOf(name)}
          value={role}
          disabled={name === own}
          onChange={(value) => {
            const wanted = ROLES.find((one) => one === value);
            if (wanted) onRole({ name, role: wanted });
          }}
          data={ROLES.map((value) => ({ value, label: text.access.roles[value] }))}
        />
      ),
    },
    { label: text.access.created, cell: ({ createdMs }) => dateOrNever(createdMs) },
    {
      label: words.remove,
      action: true,
      cell: ({ name }) =>
        name !== own && (
          <Confirm label={words.remove} question={words.removeNow(name)} onConfirm={() => onRemove(name)} />
        ),
    },
  ];
}
