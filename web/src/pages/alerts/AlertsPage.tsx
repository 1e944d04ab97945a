import { Anchor, NativeSelect, Table } from '@mantine/core';
import { type JSX, useState } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { type Alert, alertsKey, fetchAlerts } from '../../api/alerts';
import { serverNow } from '../../api/client';
import { Link } from '../../components/Link';
import { Loaded } from '../../components/Loaded';
import { Section, SectionPage } from '../../components/Section';
import { formatDateTime } from '../../lib/time';
import { parseLength } from '../../lib/range';
import { text } from '../../text';
import { AlertEvidence } from './AlertEvidence';
import { alertLink } from './alertLink';
import styles from './AlertsPage.module.css';
import { MaintenanceSection } from './MaintenanceSection';
import { RulesSection } from './RulesSection';
import { SilencesSection } from './SilencesSection';

const REFETCH_MS = 5_000;
/** How far back those that are over are shown; they are kept for 90 days. */
const RANGES: readonly string[] = ['24h', '7d', '30d', '90d'];

export function AlertsPage(): JSX.Element {
  const [range, setRange] = useState('24h');
  const list = useQuery({
    queryKey: [...alertsKey, 'since', range],
    queryFn: ({ signal }) => fetchAlerts(serverNow() - (parseLength(range) ?? 0), signal),
    refetchInterval: REFETCH_MS,
    placeholderData: keepPreviousData,
  });
  return (
    <SectionPage title={text.alerts.title}>
      <Loaded of={list}>
        {(alerts) => (
          <>
            <Section title={text.alerts.now}>
              <AlertTable
                alerts={alerts.filter(({ state }) => state !== 'resolved')}
                label={text.alerts.now}
                none={text.alerts.none}
              />
            </Section>
            <Section
              title={text.alerts.past}
              action={
                <NativeSelect
                  size="xs"
                  aria-label={text.alerts.range}
                  value={range}
                  data={RANGES.map((value) => ({
                    value,
                    label: text.events.last(text.host.range.length(value)),
                  }))}
                  onChange={({ currentTarget: { value } }) => setRange(value)}
                />
              }
            >
              <AlertTable
                alerts={alerts.filter(({ state }) => state === 'resolved')}
                label={text.alerts.past}
                none={text.alerts.nonePast}
              />
            </Section>
          </>
        )}
      </Loaded>
      <SilencesSection />
      <MaintenanceSection />
      <RulesSection />
    </SectionPage>
  );
}

interface AlertTableProps {
  readonly alerts: readonly Alert[];
  readonly label: string;
  /** Said where there is none. */
  readonly none: string;
}

function AlertTable({ alerts, label, none }: AlertTableProps): JSX.Element {
  const [open, setOpen] = useState<string | null>(null);
  const key = (alert: Alert): string => alert.id ?? `${alert.host} ${alert.rule} ${alert.entity}`;
  if (alerts.length === 0) return <p className={styles.none}>{none}</p>;
  return (
    <Table aria-label={label} className={styles.alerts}>
      <Table.Thead>
        <Table.Tr>
          {[
            text.alerts.severity,
            text.alerts.host,
            text.alerts.what,
            text.alerts.state,
            text.alerts.since,
          ].map((name) => (
            <Table.Th key={name}>{name}</Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {alerts.map((alert) => (
          <AlertRows
            key={key(alert)}
            alert={alert}
            isOpen={open === key(alert)}
            onToggle={() => setOpen(open === key(alert) ? null : key(alert))}
          />
        ))}
      </Table.Tbody>
    </Table>
  );
}

interface AlertRowsProps {
  readonly alert: Alert;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

function AlertRows({ alert, isOpen, onToggle }: AlertRowsProps): JSX.Element {
  const words = text.alerts;
  const notes = [
    alert.muted === null ? null : (words.mutes[alert.muted] ?? alert.muted),
    alert.acknowledged && text.alerts.acknowledgedBy(alert.acknowledged.author),
  ];
  return (
    <>
      <Table.Tr>
        <Table.Td className={styles[alert.severity]}>{words.severities[alert.severity]}</Table.Td>
        <Table.Td>
          <Link to={alertLink(alert)} className={styles.host} title={text.alerts.open}>
            {alert.host}
          </Link>
        </Table.Td>
        <Table.Td>
          <Anchor component="button" type="button" ta="left" aria-expanded={isOpen} onClick={onToggle}>
            {alert.text}
          </Anchor>
        </Table.Td>
        <Table.Td>{[words.states[alert.state], ...notes].filter(Boolean).join(', ')}</Table.Td>
        <Table.Td>{formatDateTime(alert.firedMs ?? alert.sinceMs)}</Table.Td>
      </Table.Tr>
      {isOpen && alert.id !== null && (
        <Table.Tr>
          <Table.Td colSpan={5}>
            <AlertEvidence id={alert.id} alert={alert} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}
