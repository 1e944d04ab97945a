import { Anchor, Button, Group, Table, Title } from '@mantine/core';
import { type JSX, useState } from 'react';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import {
  type Alert,
  acknowledgeAlert,
  alertKey,
  alertsKey,
  fetchAlert,
  fetchAlerts,
  silenceAlert,
} from '../../api/alerts';
import { serverNow } from '../../api/client';
import { Link } from '../../components/Link';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { Sparkline } from '../../components/Sparkline';
import { formatBytes, formatCores, formatRate } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import { alertLink } from './alertLink';
import styles from './AlertsPage.module.css';
import { RulesSection } from './RulesSection';

const REFETCH_MS = 5_000;
const SILENCE_MS = 3_600_000;

export function AlertsPage(): JSX.Element {
  const list = useQuery({
    queryKey: alertsKey,
    queryFn: ({ signal }) => fetchAlerts(signal),
    refetchInterval: REFETCH_MS,
  });
  if (list.data === undefined) {
    return list.error ? (
      <ErrorNotice error={list.error} onRetry={() => void list.refetch()} />
    ) : (
      <PageLoading />
    );
  }
  const now = list.data.filter((alert) => alert.state !== 'resolved');
  const past = list.data.filter((alert) => alert.state === 'resolved');
  return (
    <div className={styles.page}>
      <Title order={3}>{text.alerts.now}</Title>
      {now.length === 0 ? (
        <Notice title={text.alerts.none} />
      ) : (
        <AlertTable alerts={now} label={text.alerts.now} />
      )}
      {past.length > 0 && (
        <>
          <Title order={3}>{text.alerts.past}</Title>
          <AlertTable alerts={past} label={text.alerts.past} />
        </>
      )}
      <RulesSection />
    </div>
  );
}

interface AlertTableProps {
  readonly alerts: readonly Alert[];
  readonly label: string;
}

function AlertTable({ alerts, label }: AlertTableProps): JSX.Element {
  const [open, setOpen] = useState<string | null>(null);
  const key = (alert: Alert): string => alert.id ?? `${alert.host} ${alert.rule} ${alert.entity}`;
  return (
    <Table aria-label={label}>
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
  const notes = [alert.muted, alert.acknowledged && text.alerts.acknowledgedBy(alert.acknowledged.author)];
  return (
    <>
      <Table.Tr>
        <Table.Td className={styles[alert.severity]}>{alert.severity}</Table.Td>
        <Table.Td>
          <Link to={alertLink(alert)} title={text.alerts.open}>
            {alert.host}
          </Link>
        </Table.Td>
        <Table.Td>
          <Anchor component="button" type="button" ta="left" aria-expanded={isOpen} onClick={onToggle}>
            {alert.text}
          </Anchor>
        </Table.Td>
        <Table.Td>{[alert.state, ...notes].filter(Boolean).join(', ')}</Table.Td>
        <Table.Td>{formatDateTime(alert.firedMs ?? alert.sinceMs)}</Table.Td>
      </Table.Tr>
      {isOpen && alert.id !== null && (
        <Table.Tr>
          <Table.Td colSpan={5}>
            <Evidence id={alert.id} alert={alert} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function Evidence({ id, alert }: { readonly id: string; readonly alert: Alert }): JSX.Element {
  const client = useQueryClient();
  const [failure, setFailure] = useState<string | null>(null);
  const detail = useQuery({ queryKey: alertKey(id), queryFn: ({ signal }) => fetchAlert(id, signal) });
  const act = (action: Promise<void>): void => {
    action
      .then(async () => {
        setFailure(null);
        await client.invalidateQueries({ queryKey: alertsKey });
      })
      .catch((error: unknown) => setFailure(error instanceof Error ? error.message : String(error)));
  };
  const values = detail.data?.values ?? [];
  return (
    <div className={styles.evidence}>
      {values.length > 1 && (
        <Sparkline
          values={values}
          max={Math.max(...values, Number.MIN_VALUE)}
          label={text.alerts.values}
          width={320}
        />
      )}
      {detail.data && detail.data.processes.length > 0 && (
        <Table aria-label={text.alerts.processes} withRowBorders={false}>
          <Table.Tbody>
            {detail.data.processes.map((process) => (
              <Table.Tr key={`${String(process.pid)} ${String(process.startMs)}`}>
                <Table.Td>{process.name}</Table.Td>
                <Table.Td>{process.pid}</Table.Td>
                <Table.Td>{process.user}</Table.Td>
                <Table.Td>{process.unit}</Table.Td>
                <Table.Td>{formatCores(process.cpu_ratio)}</Table.Td>
                <Table.Td>{formatBytes(process.memory_bytes)}</Table.Td>
                <Table.Td>{formatRate(process.disk_bytes_per_second)}</Table.Td>
                <Table.Td>{formatRate(process.network_bytes_per_second)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {alert.state === 'firing' && (
        <Group>
          <Button size="xs" variant="default" onClick={() => act(acknowledgeAlert(id, ''))}>
            {text.alerts.acknowledge}
          </Button>
          <Button
            size="xs"
            variant="default"
            onClick={() => act(silenceAlert(alert, serverNow() + SILENCE_MS))}
          >
            {text.alerts.silence}
          </Button>
        </Group>
      )}
      {failure !== null && <Notice {...text.errors.failed(failure)} />}
    </div>
  );
}
