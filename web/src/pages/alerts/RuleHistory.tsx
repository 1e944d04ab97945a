import { Code } from '@mantine/core';
import { type JSX, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type RuleChange, fetchRuleHistory, ruleHistoryKey } from '../../api/rules';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable } from '../../components/Section';
import { ABSENT } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';

const SHOWN = 50;

/** Who changed which rule, asked for when it is opened. */
export function RuleHistory(): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text.alerts.rules.history}</summary>
      {open && <Changes />}
    </details>
  );
}

function Changes(): JSX.Element {
  const history = useQuery({
    queryKey: ruleHistoryKey,
    queryFn: ({ signal }) => fetchRuleHistory(SHOWN, signal),
  });
  return (
    <Loaded of={history}>
      {(changes) => (
        <PlainTable<RuleChange>
          label={text.alerts.rules.history}
          rows={changes}
          keyOf={({ id }) => id}
          columns={columns()}
        />
      )}
    </Loaded>
  );
}

function columns(): readonly PlainColumn<RuleChange>[] {
  const words = text.alerts.rules;
  return [
    { label: words.time, cell: ({ timeMs }) => formatDateTime(timeMs) },
    { label: words.rule, cell: ({ rule }) => rule },
    { label: words.author, cell: ({ author }) => author },
    { label: words.action, cell: ({ action }) => words.actions[action] ?? action },
    { label: words.note, cell: ({ note }) => note },
    { label: words.before, cell: ({ before }) => <Definition text={before} /> },
    { label: words.after, cell: ({ after }) => <Definition text={after} /> },
  ];
}

function Definition({ text: said }: { readonly text: string | null }): JSX.Element {
  return said === null ? <>{ABSENT}</> : <Code block>{said}</Code>;
}
