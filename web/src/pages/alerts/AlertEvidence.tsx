import { Button, Group, Table } from '@mantine/core';
import type { JSX } from 'react';
import { useMutation, useQuery } from '@tanstack/react-query';

import { type Alert, type AlertProcess, acknowledgeAlert, alertKey, fetchAlert } from '../../api/alerts';
import { serverNow } from '../../api/client';
import { createSilence } from '../../api/silences';
import { Failure } from '../../components/Failure';
import { Sparkline } from '../../components/Sparkline';
import { formatBytes, formatCores, formatRate } from '../../lib/format';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import styles from './AlertsPage.module.css';
import { useAlertsChange } from './useAlertsChange';

const SILENCE_MS = 3_600_000;

/** What an alert rests on, who was told, and what can be done about it. */
export function AlertEvidence({ id, alert }: { readonly id: string; readonly alert: Alert }): JSX.Element {
  const words = text.alerts;
  const detail = useQuery({ queryKey: alertKey(id), queryFn: ({ signal }) => fetchAlert(id, signal) });
  const { values = [], processes = [], told = null } = detail.data ?? {};
  const isFiring = alert.state === 'firing';
  return (
    <div className={styles.evidence}>
      {values.length > 1 && (
        <Sparkline
          values={values}
          max={Math.max(...values, Number.MIN_VALUE)}
          label={words.values}
          width={320}
        />
      )}
      {processes.length > 0 && <Culprits processes={processes} />}
      {isFiring && told !== null && (
        <p className={styles.told}>
          {words.told}: {told.length === 0 ? words.toldNobody : told.join(', ')}
        </p>
      )}
      {isFiring && <Actions id={id} alert={alert} />}
    </div>
  );
}

function Culprits({ processes }: { readonly processes: readonly AlertProcess[] }): JSX.Element {
  return (
    <Table aria-label={text.alerts.processes} withRowBorders={false}>
      <Table.Tbody>
        {processes.map((process) => (
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
  );
}

function Actions({ id, alert }: { readonly id: string; readonly alert: Alert }): JSX.Element | null {
  const mayChange = useMayChange();
  const onSettled = useAlertsChange();
  const acknowledge = useMutation({ mutationFn: () => acknowledgeAlert(id, ''), onSettled });
  const silence = useMutation({
    mutationFn: () =>
      createSilence({
        matchers: [
          { label: 'host', pattern: alert.host },
          { label: 'rule', pattern: alert.rule },
        ],
        endsMs: serverNow() + SILENCE_MS,
        comment: '',
      }),
    onSettled,
  });
  if (!mayChange) return null;
  return (
    <>
      <Group>
        <Button size="xs" variant="default" onClick={() => acknowledge.mutate()}>
          {text.alerts.acknowledge}
        </Button>
        <Button size="xs" variant="default" onClick={() => silence.mutate()}>
          {text.alerts.silence}
        </Button>
      </Group>
      <Failure error={acknowledge.error ?? silence.error} />
    </>
  );
}
