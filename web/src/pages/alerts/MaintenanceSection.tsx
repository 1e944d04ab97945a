import { Anchor } from '@mantine/core';
import { type JSX, useState } from 'react';
import { useMutation, useQuery } from '@tanstack/react-query';

import { isConflict } from '../../api/client';
import {
  type MaintenanceWindow,
  type SeenWindow,
  endWindow,
  fetchWindows,
  maintenanceKey,
} from '../../api/maintenance';
import { AddButton } from '../../components/AddButton';
import { Confirm } from '../../components/Confirm';
import { Failure } from '../../components/Failure';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import styles from './AlertsPage.module.css';
import { MaintenanceDialog } from './MaintenanceDialog';
import { writeMatchers } from './silenceText';
import { useAlertsChange } from './useAlertsChange';
import { nextText, originText, timesText } from './windowText';

/** When it opens and closes is to be true while one looks. */
const REFETCH_MS = 15_000;

/** Times that come again, at which nobody is told: those of files are shown, the others changed. */
export function MaintenanceSection(): JSX.Element {
  const words = text.alerts.maintenance;
  const mayChange = useMayChange();
  const [edited, setEdited] = useState<MaintenanceWindow | null>();
  const windows = useQuery({
    queryKey: maintenanceKey,
    queryFn: ({ signal }) => fetchWindows(signal),
    refetchInterval: REFETCH_MS,
  });
  const end = useMutation({ mutationFn: endWindow, onSettled: useAlertsChange() });
  return (
    <Section
      title={words.title}
      intro={words.intro}
      action={<AddButton label={words.create} onClick={() => setEdited(null)} />}
    >
      <Failure error={isConflict(end.error) ? new Error(words.changedNotEnded) : end.error} />
      <Loaded of={windows}>
        {(all) =>
          all.length === 0 ? (
            <p>{words.none}</p>
          ) : (
            <PlainTable<MaintenanceWindow>
              label={words.title}
              rows={all}
              keyOf={({ id, origin, line }) => id ?? `${origin} ${String(line)}`}
              columns={mayChange ? [...columns(setEdited), ending(end.mutate)] : columns(undefined)}
            />
          )
        }
      </Loaded>
      <MaintenanceDialog
        window={edited}
        newest={windows.data?.find(({ id }) => id !== null && id === edited?.id)}
        onClose={() => setEdited(undefined)}
        onEdit={setEdited}
      />
    </Section>
  );
}

type OnEdit = ((window: MaintenanceWindow) => void) | undefined;

function columns(onEdit: OnEdit): readonly PlainColumn<MaintenanceWindow>[] {
  const words = text.alerts.maintenance;
  return [
    { label: words.name, wraps: true, cell: (window) => <WindowName window={window} onEdit={onEdit} /> },
    { label: words.when, wraps: true, cell: timesText },
    {
      label: words.next,
      cell: (window) => <span className={window.open ? styles.warning : undefined}>{nextText(window)}</span>,
    },
    {
      label: words.match,
      wraps: true,
      cell: ({ matchers }) => (matchers.length === 0 ? words.all : writeMatchers(matchers)),
    },
    { label: words.hosts, numeric: true, cell: ({ hosts }) => hosts },
    { label: words.origin, wraps: true, cell: originText },
  ];
}

/** One of a file is changed in its file. */
function WindowName(props: { readonly window: MaintenanceWindow; readonly onEdit: OnEdit }): JSX.Element {
  const { window, onEdit } = props;
  return (
    <>
      {onEdit && window.id !== null ? (
        <Anchor
          component="button"
          type="button"
          ta="left"
          title={text.alerts.maintenance.edit}
          onClick={() => onEdit(window)}
        >
          {window.name}
        </Anchor>
      ) : (
        window.name
      )}
      {window.comment !== '' && <div className={styles.told}>{window.comment}</div>}
    </>
  );
}

const ending = (onEnd: (seen: SeenWindow) => void): PlainColumn<MaintenanceWindow> => ({
  label: text.alerts.maintenance.end,
  action: true,
  cell: ({ id, revision }) =>
    id !== null && (
      <Confirm
        label={text.alerts.maintenance.end}
        question={text.alerts.maintenance.endNow}
        onConfirm={() => onEnd({ id, revision })}
      />
    ),
});
