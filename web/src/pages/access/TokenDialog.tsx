import { Button, Group, Modal, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';

import { createToken, tokensKey } from '../../api/access';
import type { Role } from '../../api/session';
import { CopyLine } from '../../components/CopyLine';
import { FormEnd } from '../../components/FormEnd';
import { text } from '../../text';
import { useAccessChange } from './useAccessChange';

const HOUR = 3600;
/** How long a token may live, in seconds; null is for ever. */
const LIVES: readonly (readonly [string, number | null])[] = [
  ['1h', HOUR],
  ['7d', 7 * 24 * HOUR],
  ['365d', 365 * 24 * HOUR],
  ['ever', null],
];
const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];

export function TokenDialog(props: { readonly opened: boolean; readonly onClose: () => void }): JSX.Element {
  const { opened, onClose } = props;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={text.access.tokens.create}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {opened && <TokenForm onClose={onClose} />}
    </Modal>
  );
}

function TokenForm({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const words = text.access.tokens;
  const [kind, setKind] = useState<'join' | 'api'>('api');
  const [role, setRole] = useState<Role>('viewer');
  const [note, setNote] = useState('');
  const [life, setLife] = useState('ever');
  const create = useAccessChange(tokensKey, createToken);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const seconds = LIVES.find(([name]) => name === life)?.[1] ?? null;
    create.mutate({
      kind,
      note,
      ...(kind === 'api' ? { role } : {}),
      ...(seconds === null ? {} : { expires_in_seconds: seconds }),
    });
  };
  if (typeof create.data === 'string') {
    return (
      <div>
        <p>{words.shownOnce}</p>
        <CopyLine>{create.data}</CopyLine>
        <Group justify="flex-end" mt="md">
          <Button size="xs" onClick={onClose}>
            {text.common.close}
          </Button>
        </Group>
      </div>
    );
  }
  // A join token always ends.
  const lives = kind === 'join' ? LIVES.filter(([, seconds]) => seconds !== null) : LIVES;
  return (
    <form onSubmit={submit}>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={words.kind}
        value={kind}
        onChange={(value) => {
          setKind(value === 'join' ? 'join' : 'api');
          setLife(value === 'join' ? '1h' : 'ever');
        }}
        data={(['api', 'join'] as const).map((value) => ({ value, label: words.kinds[value] }))}
      />
      {kind === 'api' && (
        <SegmentedControl
          fullWidth
          mt="sm"
          size="xs"
          aria-label={text.access.role}
          value={role}
          onChange={(value) => setRole(ROLES.find((one) => one === value) ?? 'viewer')}
          data={ROLES.map((value) => ({ value, label: text.access.roles[value] }))}
        />
      )}
      <SegmentedControl
        fullWidth
        mt="sm"
        size="xs"
        aria-label={words.expires}
        value={life}
        onChange={setLife}
        data={lives.map(([value]) => ({ value, label: words.lives[value] ?? value }))}
      />
      <TextInput
        mt="sm"
        label={words.note}
        value={note}
        maxLength={80}
        onChange={(event) => setNote(event.currentTarget.value)}
        data-autofocus
      />
      <FormEnd label={words.create} busy={create.isPending} error={create.error} />
    </form>
  );
}
