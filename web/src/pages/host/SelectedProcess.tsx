import { ActionIcon } from '@mantine/core';
import { type JSX, useState } from 'react';

import type { ProcessKey } from '../../api/processes';
import { Link } from '../../components/Link';
import { CloseIcon, OpenIcon } from '../../components/icons';
import { formatDateTime } from '../../lib/time';
import { type HostView, encodeHostView } from '../../state/hostAddress';
import { processPath } from '../../state/router';
import { text } from '../../text';
import styles from './ProcessPanel.module.css';
import { type ProcessRow, processId } from './processRows';
import type { ChangeView } from './useHostView';

export interface SelectedProcessProps {
  readonly host: string;
  readonly view: HostView;
  readonly process: ProcessKey;
  readonly rows: readonly ProcessRow[];
  readonly change: ChangeView;
}

/** Who the coloured lines in the charts belong to. */
export function SelectedProcess(props: SelectedProcessProps): JSX.Element {
  const { host, view, process, rows, change } = props;
  const page =
    processPath(host, process) +
    encodeHostView({ ...view, process: null, only: [], compare: null, changes: null, reading: null });
  const id = processId(process);
  const row = useKnownRow(rows, id);
  const words = text.processes;
  const parts = [
    row?.user,
    row?.unit,
    row?.container == null ? null : words.container(row.container.slice(0, 12)),
    row?.parentPid == null ? null : words.parent(row.parentPid),
    words.started(formatDateTime(process.startMs)),
  ].filter((part) => part != null);
  return (
    <div className={styles.selected}>
      <span className={styles.line} aria-hidden="true" />
      <strong>{row?.name ?? words.columns.pid}</strong>
      <span className="num">{process.pid}</span>
      {row?.command != null && (
        <span className={styles.command} title={row.command}>
          {row.command}
        </span>
      )}
      <span className={styles.details}>{parts.join(' · ')}</span>
      <Link to={page} className={styles.open}>
        <OpenIcon /> {words.open}
      </Link>
      <ActionIcon
        data-hint={`${words.deselect} (Esc)`}
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={words.deselect}
        onClick={() => change({ process: null })}
      >
        <CloseIcon />
      </ActionIcon>
    </div>
  );
}

/** The row of a process; the last one that was seen where the table shows another moment. */
function useKnownRow(rows: readonly ProcessRow[], id: string): ProcessRow | null {
  const found = rows.find((row) => row.id === id) ?? null;
  const [known, setKnown] = useState(found);
  if (found && found !== known) setKnown(found);
  return found ?? (known?.id === id ? known : null);
}
