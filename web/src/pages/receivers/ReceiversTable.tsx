import { Button } from '@mantine/core';
import type { JSX } from 'react';
import { useMutation } from '@tanstack/react-query';

import { type Receiver, testReceiver } from '../../api/receivers';
import { serverNow } from '../../api/client';
import { type PlainColumn, PlainTable } from '../../components/Section';
import { text } from '../../text';
import { deliveryText, ofWhat, queueText, whenText } from './receiverText';
import styles from './ReceiversPage.module.css';

export interface ReceiversTableProps {
  readonly receivers: readonly Receiver[];
  readonly mayTest: boolean;
}

export function ReceiversTable({ receivers, mayTest }: ReceiversTableProps): JSX.Element {
  return (
    <PlainTable
      label={text.receivers.title}
      rows={receivers}
      keyOf={({ name }) => name}
      columns={mayTest ? [...columns(), test()] : columns()}
    />
  );
}

function columns(): readonly PlainColumn<Receiver>[] {
  const words = text.receivers;
  return [
    { label: words.name, cell: ({ name }) => <strong>{name}</strong> },
    { label: words.kind, cell: ({ kind }) => words.kinds[kind] ?? kind },
    { label: words.of, wraps: true, cell: ofWhat },
    { label: words.when, wraps: true, cell: whenText },
    { label: words.queued, cell: (receiver) => queueText(receiver, serverNow()) },
    { label: words.delivered, cell: ({ deliveredMs }) => deliveryText(deliveredMs, serverNow()) },
    { label: words.error, wraps: true, cell: (receiver) => <LastError receiver={receiver} /> },
  ];
}

const test = (): PlainColumn<Receiver> => ({
  label: text.receivers.test,
  wraps: true,
  cell: ({ name }) => <Test name={name} />,
});

function LastError({ receiver: { error, failedMs } }: { readonly receiver: Receiver }): JSX.Element {
  const when = deliveryText(failedMs, serverNow());
  if (error === null) return <>{failedMs === null ? when : text.receivers.over(when)}</>;
  return (
    <span className={styles.bad}>
      {error} ({when})
    </span>
  );
}

/** Says something through the receiver, at once, and shows whether it was taken. */
function Test({ name }: { readonly name: string }): JSX.Element {
  const words = text.receivers;
  const asked = useMutation({ mutationFn: () => testReceiver(name) });
  const failure = asked.error?.message ?? asked.data ?? null;
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={asked.isPending}
        aria-label={words.testOf(name)}
        onClick={() => asked.mutate()}
      >
        {words.test}
      </Button>
      <span
        role="status"
        aria-label={words.testResult(name)}
        className={failure === null ? styles.good : styles.bad}
      >
        {asked.isPending || asked.isIdle ? '' : (failure ?? words.taken)}
      </span>
    </>
  );
}
