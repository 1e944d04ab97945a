import { Autocomplete, Checkbox, Group, Modal, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation } from '@tanstack/react-query';

import { DAYS, type MaintenanceWindow, type NewWindow, saveWindow } from '../../api/maintenance';
import { FormEnd } from '../../components/FormEnd';
import { text } from '../../text';
import { parseMatchers, writeMatchers } from './silenceText';
import { useAlertsChange } from './useAlertsChange';

const ZONES: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone')];
/** Zones that are offered at once. */
const MOST_ZONES = 30;

export interface MaintenanceDialogProps {
  /** Absent: closed. Null: a new one. */
  readonly window: MaintenanceWindow | null | undefined;
  readonly onClose: () => void;
}

export function MaintenanceDialog({ window, onClose }: MaintenanceDialogProps): JSX.Element {
  const words = text.alerts.maintenance;
  return (
    <Modal
      opened={window !== undefined}
      onClose={onClose}
      size="lg"
      title={window ? words.editing(window.name) : words.create}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {window !== undefined && <MaintenanceForm window={window} onDone={onClose} />}
    </Modal>
  );
}

const empty = (): NewWindow => ({
  name: '',
  matchers: [],
  days: [],
  from: '22:00',
  to: '06:00',
  zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  comment: '',
});

interface MaintenanceFormProps {
  readonly window: MaintenanceWindow | null;
  readonly onDone: () => void;
}

function MaintenanceForm({ window, onDone }: MaintenanceFormProps): JSX.Element {
  const words = text.alerts.maintenance;
  const [form, setForm] = useState<NewWindow>(window ?? empty());
  const [written, setWritten] = useState(writeMatchers(form.matchers));
  const set = (part: Partial<NewWindow>): void => setForm({ ...form, ...part });
  const matchers = parseMatchers(written);
  const isWrong = typeof matchers === 'string';
  const save = useMutation({
    mutationFn: (wanted: NewWindow) => saveWindow(wanted, window?.id ?? null),
    onSuccess: onDone,
    onSettled: useAlertsChange(),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isWrong) return;
    const { name, days, from, to, zone, comment } = form;
    save.mutate({ name, days, from, to, zone, comment, matchers });
  };
  const isComplete = !isWrong && matchers.length > 0 && form.name.trim() !== '';
  return (
    <form onSubmit={submit}>
      <TextInput
        label={words.name}
        value={form.name}
        maxLength={100}
        onChange={({ currentTarget: { value } }) => set({ name: value })}
        data-autofocus
      />
      <TextInput
        mt="sm"
        label={words.match}
        description={words.matchHint}
        value={written}
        spellCheck={false}
        error={isWrong && text.alerts.silences.wrong(matchers)}
        onChange={(event) => setWritten(event.currentTarget.value)}
      />
      <Checkbox.Group
        mt="sm"
        label={words.begins}
        description={words.beginsHint}
        value={[...form.days]}
        onChange={(chosen) => set({ days: DAYS.filter((day) => chosen.includes(day)) })}
      >
        <Group mt={6} gap="md">
          {DAYS.map((day) => (
            <Checkbox key={day} size="xs" value={day} label={words.days[day]} />
          ))}
        </Group>
      </Checkbox.Group>
      <Group mt="sm" align="flex-start" grow preventGrowOverflow={false}>
        <TextInput
          type="time"
          label={words.from}
          value={form.from}
          required
          onChange={({ currentTarget: { value } }) => set({ from: value })}
        />
        <TextInput
          type="time"
          label={words.to}
          value={form.to === '24:00' ? '00:00' : form.to}
          required
          onChange={({ currentTarget: { value } }) => set({ to: value })}
        />
        <Autocomplete
          label={words.zone}
          value={form.zone}
          data={[...ZONES]}
          limit={MOST_ZONES}
          required
          onChange={(zone) => set({ zone })}
        />
      </Group>
      {form.to <= form.from && <p>{words.nextDay}</p>}
      <TextInput
        mt="sm"
        label={words.comment}
        value={form.comment}
        maxLength={500}
        onChange={({ currentTarget: { value } }) => set({ comment: value })}
      />
      <FormEnd label={words.save} busy={save.isPending} disabled={!isComplete} error={save.error} />
    </form>
  );
}
