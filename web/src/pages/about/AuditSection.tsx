import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type AuditEntry, auditKey, fetchAudit } from '../../api/audit';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { ABSENT } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';

const SHOWN = 100;

/** Who changed what. */
export function AuditSection(): JSX.Element {
  const words = text.about.audit;
  const entries = useQuery({ queryKey: auditKey, queryFn: ({ signal }) => fetchAudit(SHOWN, signal) });
  return (
    <Section title={words.title} intro={words.intro}>
      <Loaded of={entries}>
        {(all) =>
          all.length === 0 ? (
            <p>{words.none}</p>
          ) : (
            <PlainTable label={words.title} rows={all} keyOf={({ id }) => id} columns={columns()} />
          )
        }
      </Loaded>
    </Section>
  );
}

function columns(): readonly PlainColumn<AuditEntry>[] {
  const words = text.about.audit;
  return [
    { label: words.time, cell: ({ timeMs }) => formatDateTime(timeMs) },
    { label: words.author, cell: ({ author }) => author },
    { label: words.action, cell: ({ action }) => words.actions[action.replace('.', '_')] ?? action },
    { label: words.subject, cell: ({ subject }) => subject },
    { label: words.before, wraps: true, cell: ({ before }) => before ?? ABSENT },
    { label: words.after, wraps: true, cell: ({ after }) => after ?? ABSENT },
  ];
}
