import { ActionIcon, Button } from '@mantine/core';
import type { JSX, ReactNode } from 'react';

import { LeftIcon, RightIcon } from '../../components/icons';
import { formatDuration } from '../../lib/format';
import type { Span } from '../../lib/range';
import { formatInstant, formatRange } from '../../lib/time';
import { serverNow } from '../../api/client';
import { text } from '../../text';
import styles from './ProcessPanel.module.css';
import type { TimeActions } from './useTimeGestures';
import type { Focus, Shown } from './useFocus';

export interface FocusLineProps {
  readonly focus: Focus;
  readonly shown: Shown | null;
  readonly actions: TimeActions;
  readonly step: (count: number) => void;
  readonly onChanges: () => void;
}

/** A snapshot this much older than what was asked for is worth a word. */
const OLD_MS = 90_000;

/** Says which moment the table shows, and what can be done with it. */
export function FocusLine({ focus, shown, actions, step, onChanges }: FocusLineProps): JSX.Element {
  const { mode, hint } = text.processes;
  return (
    <div className={styles.focus}>
      <span className={styles.mode} data-mode={focus.kind}>
        {mode[focus.kind]}
      </span>
      <span className={styles.moment}>{moment(focus, shown)}</span>
      {focus.kind === 'range' ? (
        <RangeButtons span={focus.span} actions={actions} onChanges={onChanges} />
      ) : (
        <StepButtons step={step}>
          {focus.kind === 'pinned' && (
            <Button size="compact-xs" variant="default" onClick={() => actions.pin(null)}>
              {text.processes.unpin}
            </Button>
          )}
        </StepButtons>
      )}
      <span className={styles.hint}>{hint[focus.kind]}</span>
    </div>
  );
}

function moment(focus: Focus, shown: Shown | null): string {
  const now = serverNow();
  if (focus.kind === 'range') {
    const seconds = (focus.span.toMs - focus.span.fromMs) / 1000;
    return `${formatRange(focus.span.fromMs, focus.span.toMs, now)} · ${formatDuration(seconds)}`;
  }
  const snapshotMs = shown?.kind === 'at' ? shown.answer.timeMs : null;
  if (focus.kind === 'live' && snapshotMs === null) return '';
  const atMs = focus.kind === 'live' ? now : focus.atMs;
  if (focus.kind === 'hover' || snapshotMs === null) return formatInstant(atMs, now);
  const older = atMs - snapshotMs;
  const note = older > OLD_MS ? ` · ${text.processes.snapshotOf(formatDuration(older / 1000))}` : '';
  return formatInstant(snapshotMs, now) + note;
}

function RangeButtons({
  span,
  actions,
  onChanges,
}: {
  readonly span: Span;
  readonly actions: TimeActions;
  readonly onChanges: () => void;
}): JSX.Element {
  return (
    <span className={styles.actions}>
      <Button data-hint={`${text.changes.title} (W)`} size="compact-xs" variant="light" onClick={onChanges}>
        {text.changes.title}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => actions.zoomTo(span)}>
        {text.processes.zoom}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => actions.select(null)}>
        {text.processes.clearRange}
      </Button>
    </span>
  );
}

interface StepButtonsProps {
  readonly step: (count: number) => void;
  readonly children: ReactNode;
}

function StepButtons({ step, children }: StepButtonsProps): JSX.Element {
  const { previous, next } = text.processes;
  return (
    <span className={styles.actions}>
      <ActionIcon
        data-hint={`${previous} (←)`}
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={previous}
        onClick={() => step(-1)}
      >
        <LeftIcon />
      </ActionIcon>
      <ActionIcon
        data-hint={`${next} (→)`}
        size="sm"
        variant="subtle"
        color="gray"
        aria-label={next}
        onClick={() => step(1)}
      >
        <RightIcon />
      </ActionIcon>
      {children}
    </span>
  );
}
