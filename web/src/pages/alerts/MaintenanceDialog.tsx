import { Alert, Button, Group, Modal, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation } from '@tanstack/react-query';

import { isConflict } from '../../api/client';
import {
  DAYS,
  type MaintenanceWindow,
  type NewWindow,
  type SeenWindow,
  saveWindow,
} from '../../api/maintenance';
import { FormEnd } from '../../components/FormEnd';
import { text } from '../../text';
import styles from './AlertsPage.module.css';
import { parseMatchers, writeMatchers } from './silenceText';
import { useAlertsChange } from './useAlertsChange';

const ZONES: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone')];

export interface MaintenanceDialogProps {
  /** Absent: closed. Null: a new one. */
  readonly window: MaintenanceWindow | null | undefined;
  /** The same window as the server told it last. */
  readonly newest: MaintenanceWindow | undefined;
  readonly onClose: () => void;
  /** Begins again with another state of the window. */
  readonly onEdit: (window: MaintenanceWindow) => void;
}

export function MaintenanceDialog(props: MaintenanceDialogProps): JSX.Element {
  const { window, newest, onClose, onEdit } = props;
  const words = text.alerts.maintenance;
  return (
    <Modal
      opened={window !== undefined}
      onClose={onClose}
      size="lg"
      title={window ? words.editing(window.name) : words.create}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {window !== undefined && (
        <MaintenanceForm
          key={window?.revision}
          window={window}
          newest={newest}
          onDone={onClose}
          onEdit={onEdit}
        />
      )}
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
  readonly newest: MaintenanceWindow | undefined;
  readonly onDone: () => void;
  readonly onEdit: (window: MaintenanceWindow) => void;
}

function MaintenanceForm({ window, newest, onDone, onEdit }: MaintenanceFormProps): JSX.Element {
  const words = text.alerts.maintenance;
  const [form, setForm] = useState<NewWindow>(window ?? empty());
  const [written, setWritten] = useState(writeMatchers(form.matchers));
  const set = (part: Partial<NewWindow>): void => setForm({ ...form, ...part });
  const matchers = parseMatchers(written);
  const isWrong = typeof matchers === 'string';
  const save = useMutation({
    mutationFn: (wanted: NewWindow) => saveWindow(wanted, seenWindow(window)),
    onSuccess: onDone,
    onSettled: useAlertsChange(),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isWrong) return;
    const { name, days, from, to, zone, comment } = form;
    save.mutate({ name, days, from, to, zone, comment, matchers });
  };
  const isLate = isConflict(save.error);
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
      <div role="group" aria-label={words.begins} className={styles.days}>
        <span className={styles.label}>{words.begins}</span>
        <Group gap={6}>
          {DAYS.map((day) => (
            <Button
              key={day}
              size="compact-sm"
              variant={form.days.includes(day) ? 'light' : 'default'}
              aria-pressed={form.days.includes(day)}
              onClick={() => set({ days: DAYS.filter((one) => form.days.includes(one) !== (one === day)) })}
            >
              {words.days[day]}
            </Button>
          ))}
          {form.days.length === 0 && <span className={styles.told}>{words.everyDay}</span>}
        </Group>
      </div>
      <Group mt="sm" align="flex-start" grow>
        <TextInput
          type="time"
          label={words.from}
          value={form.from}
          required
          withAsterisk={false}
          onChange={({ currentTarget: { value } }) => set({ from: value })}
        />
        <TextInput
          type="time"
          label={words.to}
          value={form.to === '24:00' ? '00:00' : form.to}
          required
          withAsterisk={false}
          description={form.to <= form.from && words.nextDay}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          onChange={({ currentTarget: { value } }) => set({ to: value })}
        />
        <TextInput
          label={words.zone}
          value={form.zone}
          list="time-zones"
          required
          withAsterisk={false}
          spellCheck={false}
          onChange={({ currentTarget: { value } }) => set({ zone: value })}
        />
      </Group>
      <datalist id="time-zones">
        {ZONES.map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
      <TextInput
        mt="sm"
        label={words.comment}
        value={form.comment}
        maxLength={500}
        onChange={({ currentTarget: { value } }) => set({ comment: value })}
      />
      {isLate && <Changed newest={newest} onEdit={onEdit} />}
      <FormEnd
        label={words.save}
        busy={save.isPending}
        disabled={!isComplete || isLate}
        error={isLate ? null : save.error}
      />
    </form>
  );
}

const seenWindow = (window: MaintenanceWindow | null): SeenWindow | null =>
  window !== null && window.id !== null ? { id: window.id, revision: window.revision } : null;

/** Somebody else was quicker. */
function Changed({ newest, onEdit }: Pick<MaintenanceFormProps, 'newest' | 'onEdit'>): JSX.Element {
  const words = text.alerts.maintenance;
  return (
    <Alert color="yellow" variant="light" p="xs" my="xs">
      <p className={styles.changed}>{words.changed(newest?.author ?? null)}</p>
      {newest && (
        <Button size="compact-sm" variant="default" onClick={() => onEdit(newest)}>
          {words.showNewest}
        </Button>
      )}
    </Alert>
  );
}
