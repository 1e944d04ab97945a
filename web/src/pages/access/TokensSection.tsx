import { Button } from '@mantine/core';
import { type JSX, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Token, fetchTokens, revokeToken, tokensKey } from '../../api/access';
import { Confirm } from '../../components/Confirm';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { PlusIcon } from '../../components/icons';
import { ABSENT } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import { TokenDialog } from './TokenDialog';
import { useAccessChange } from './useAccessChange';

export const dateOrNever = (ms: number | null): string =>
  ms === null ? text.access.never : formatDateTime(ms);

export function TokensSection(): JSX.Element {
  const words = text.access.tokens;
  const [creating, setCreating] = useState(false);
  const tokens = useQuery({ queryKey: tokensKey, queryFn: ({ signal }) => fetchTokens(signal) });
  const revoke = useAccessChange(tokensKey, revokeToken);
  return (
    <Section
      title={words.title}
      intro={words.intro}
      action={
        <Button size="xs" variant="default" leftSection={<PlusIcon />} onClick={() => setCreating(true)}>
          {words.create}
        </Button>
      }
    >
      <Loaded of={tokens}>
        {(all) => (
          <PlainTable<Token>
            label={words.title}
            rows={all}
            keyOf={({ id }) => id}
            isFaint={({ state }) => state !== 'valid'}
            columns={tokenColumns(revoke.mutate)}
          />
        )}
      </Loaded>
      <TokenDialog opened={creating} onClose={() => setCreating(false)} />
    </Section>
  );
}

function tokenColumns(onRevoke: (id: string) => void): readonly PlainColumn<Token>[] {
  const words = text.access.tokens;
  return [
    {
      label: words.kind,
      cell: ({ kind, role }) => words.kinds[kind] + (role ? ` · ${text.access.roles[role]}` : ''),
    },
    { label: words.note, cell: ({ note }) => (note === '' ? ABSENT : note) },
    { label: words.state, cell: ({ state }) => words.states[state] },
    { label: text.access.created, cell: ({ createdMs }) => dateOrNever(createdMs) },
    { label: words.expires, cell: ({ expiresMs }) => dateOrNever(expiresMs) },
    {
      label: words.uses,
      numeric: true,
      cell: ({ kind, usesLeft }) => (kind === 'api' ? '' : (usesLeft ?? words.anyUses)),
    },
    {
      label: words.revoke,
      action: true,
      cell: ({ id, state }) =>
        state === 'valid' && (
          <Confirm label={words.revoke} question={words.revokeNow} onConfirm={() => onRevoke(id)} />
        ),
    },
  ];
}
