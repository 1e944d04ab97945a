import { Modal, NativeSelect, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation, useQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { type Silence, createSilence, endSilence, fetchSilences, silencesKey } from '../../api/silences';
import { AddButton } from '../../components/AddButton';
import { Confirm } from '../../components/Confirm';
import { Failure } from '../../components/Failure';
import { FormEnd } from '../../components/FormEnd';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { formatDateTime } from '../../lib/time';
import { parseLength } from '../../lib/range';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import { parseMatchers, writeMatchers } from './silenceText';
import { useAlertsChange } from './useAlertsChange';

const REFETCH_MS = 15_000;
const LENGTHS: readonly string[] = ['15m', '1h', '4h', '12h', '1d', '7d', '30d'];

/** What is kept quiet, and until when. */
export function SilencesSection(): JSX.Element {
  const words = text.alerts.silences;
  const mayChange = useMayChange();
  const [creating, setCreating] = useState(false);
  const silences = useQuery({
    queryKey: silencesKey,
    queryFn: ({ signal }) => fetchSilences(signal),
    refetchInterval: REFETCH_MS,
  });
  const end = useMutation({ mutationFn: endSilence, onSettled: useAlertsChange() });
  return (
    <Section
      title={words.title}
      intro={words.intro}
      action={<AddButton label={words.create} onClick={() => setCreating(true)} />}
    >
      <Failure error={end.error} />
      <Loaded of={silences}>
        {(all) =>
          all.length === 0 ? (
            <p>{words.none}</p>
          ) : (
            <PlainTable
              label={words.title}
              rows={all}
              keyOf={({ id }) => id}
              columns={mayChange ? [...columns(), ending(end.mutate)] : columns()}
            />
          )
        }
      </Loaded>
      <Modal
        opened={creating}
        onClose={() => setCreating(false)}
        title={words.create}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {creating && <SilenceForm onDone={() => setCreating(false)} />}
      </Modal>
    </Section>
  );
}

function columns(): readonly PlainColumn<Silence>[] {
  const words = text.alerts.silences;
  return [
    { label: words.match, wraps: true, cell: ({ matchers }) => writeMatchers(matchers) },
    { label: words.ends, cell: ({ endsMs }) => formatDateTime(endsMs) },
    { label: words.author, cell: ({ author }) => author },
    { label: words.comment, wraps: true, cell: ({ comment }) => comment },
  ];
}

const ending = (onEnd: (id: string) => void): PlainColumn<Silence> => ({
  label: text.alerts.silences.end,
  action: true,
  cell: ({ id }) => (
    <Confirm
      label={text.alerts.silences.end}
      question={text.alerts.silences.endNow}
      onConfirm={() => onEnd(id)}
    />
  ),
});

function SilenceForm({ onDone }: { readonly onDone: () => void }): JSX.Element {
  const words = text.alerts.silences;
  const [written, setWritten] = useState('');
  const [length, setLength] = useState('1h');
  const [comment, setComment] = useState('');
  const matchers = parseMatchers(written);
  const isWrong = typeof matchers === 'string';
  const save = useMutation({
    mutationFn: createSilence,
    onSuccess: onDone,
    onSettled: useAlertsChange(),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isWrong) return;
    save.mutate({ matchers, endsMs: serverNow() + (parseLength(length) ?? 0), comment });
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label={words.match}
        description={words.matchHint}
        value={written}
        error={isWrong && words.wrong(matchers)}
        onChange={(event) => setWritten(event.currentTarget.value)}
        data-autofocus
      />
      <NativeSelect
        mt="sm"
        label={words.length}
        value={length}
        data={LENGTHS.map((value) => ({ value, label: text.host.range.length(value) }))}
        onChange={(event) => setLength(event.currentTarget.value)}
      />
      <TextInput
        mt="sm"
        label={words.comment}
        value={comment}
        maxLength={500}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <FormEnd
        label={words.save}
        busy={save.isPending}
        disabled={isWrong || matchers.length === 0}
        error={save.error}
      />
    </form>
  );
}
