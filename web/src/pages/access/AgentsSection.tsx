import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Agent, agentsKey, fetchAgents, revokeAgent } from '../../api/access';
import { Confirm } from '../../components/Confirm';
import { Link } from '../../components/Link';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { hostPath } from '../../state/router';
import { text } from '../../text';
import { dateOrNever } from './TokensSection';
import { useAccessChange } from './useAccessChange';

export function AgentsSection(): JSX.Element {
  const words = text.access.agents;
  const agents = useQuery({ queryKey: agentsKey, queryFn: ({ signal }) => fetchAgents(signal) });
  const revoke = useAccessChange(agentsKey, revokeAgent);
  return (
    <Section title={words.title} intro={words.intro}>
      <Loaded of={agents}>
        {(all) => (
          <PlainTable<Agent>
            label={words.title}
            rows={all}
            keyOf={({ id }) => id}
            isFaint={({ state }) => state !== 'valid'}
            columns={agentColumns(revoke.mutate)}
          />
        )}
      </Loaded>
    </Section>
  );
}

function agentColumns(onRevoke: (id: string) => void): readonly PlainColumn<Agent>[] {
  const words = text.access.agents;
  return [
    { label: words.host, cell: ({ host }) => <Link to={hostPath(host)}>{host}</Link> },
    { label: text.access.tokens.state, cell: ({ state }) => text.access.tokens.states[state] },
    { label: words.joined, cell: ({ createdMs }) => dateOrNever(createdMs) },
    { label: words.certificate, cell: ({ expiresMs }) => dateOrNever(expiresMs) },
    {
      label: text.access.tokens.revoke,
      action: true,
      cell: ({ id, state }) =>
        state === 'valid' && (
          <Confirm
            label={text.access.tokens.revoke}
            question={text.access.tokens.revokeNow}
            onConfirm={() => onRevoke(id)}
          />
        ),
    },
  ];
}
