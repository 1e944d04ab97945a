import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, type ReactNode, memo, useState } from 'react';

import {
  ClockIcon,
  CompareIcon,
  DownIcon,
  LeftIcon,
  RightIcon,
  StatsIcon,
  UndoIcon,
  ZoomOutIcon,
} from '../../components/icons';
import { LateMenu, LatePopover } from '../../components/Late';
import { COMPARISONS, type Comparison } from '../../lib/compare';
import { PRESETS, type Range, type Span, formatLength } from '../../lib/range';
import { formatRange, fromLocalInput, toLocalInput } from '../../lib/time';
import { serverNow } from '../../api/client';
import { text } from '../../text';
import styles from './RangeBar.module.css';
import type { TimeActions } from './useTimeGestures';

export interface RangeBarProps {
  readonly range: Range;
  readonly span: Span;
  readonly onRange: (range: Range) => void;
  readonly onNow: () => void;
  readonly actions: TimeActions;
  readonly canUndo: boolean;
  readonly compare: Comparison | null;
  /** Absent where there is nothing to compare with. */
  readonly onCompare?: (compare: Comparison | null) => void;
  readonly stats: boolean;
  readonly onStats: () => void;
  readonly children?: ReactNode;
}

const ZOOM = 2;
const PAN = 0.5;

export const RangeBar = memo(function RangeBar(props: RangeBarProps): JSX.Element {
  const { range, span, onRange, onNow, actions, stats } = props;
  const words = text.host.range;
  const following = range.kind === 'last';
  return (
    <div className={styles.bar}>
      <IconButton label={words.earlier} keys="[" onClick={() => actions.pan(-PAN)}>
        <LeftIcon />
      </IconButton>
      <RangePicker range={range} span={span} onRange={onRange} />
      <IconButton label={words.later} keys="]" onClick={() => actions.pan(PAN)} disabled={following}>
        <RightIcon />
      </IconButton>
      <IconButton
        label={words.zoomOut}
        keys="−"
        onClick={() => actions.zoomBy(ZOOM, (span.fromMs + span.toMs) / 2)}
      >
        <ZoomOutIcon />
      </IconButton>
      <IconButton label={words.undo} keys="U" onClick={actions.undo} disabled={!props.canUndo}>
        <UndoIcon />
      </IconButton>
      {props.onCompare && <CompareMenu compare={props.compare} onCompare={props.onCompare} />}
      <IconButton label={words.stats} keys="M" onClick={props.onStats} pressed={stats}>
        <StatsIcon />
      </IconButton>
      {props.children}
      <Button
        data-hint={`${words.nowHint} (N)`}
        size="xs"
        variant={following ? 'light' : 'default'}
        onClick={onNow}
        aria-pressed={following}
      >
        {words.now}
      </Button>
    </div>
  );
});

interface IconButtonProps {
  readonly label: string;
  readonly keys: string;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly children: JSX.Element;
}

function IconButton(props: IconButtonProps): JSX.Element {
  const { label, keys, onClick, disabled = false, pressed, children } = props;
  return (
    <ActionIcon
      data-hint={`${label} (${keys})`}
      size={30}
      variant={pressed ? 'light' : 'default'}
      aria-label={label}
      aria-pressed={pressed}
      onClick={onClick}
      disabled={disabled}
    >
      {children}
    </ActionIcon>
  );
}

function CompareMenu(props: {
  readonly compare: Comparison | null;
  readonly onCompare: (compare: Comparison | null) => void;
}): JSX.Element {
  const { compare, onCompare } = props;
  const words = text.host.range;
  return (
    <LateMenu
      position="bottom-end"
      target={
        <ActionIcon
          data-hint={`${words.compare} (C)`}
          size={30}
          variant={compare ? 'light' : 'default'}
          aria-label={words.compare}
          aria-pressed={compare !== null}
        >
          <CompareIcon />
        </ActionIcon>
      }
    >
      {() => (
        <Menu.Dropdown>
          <Menu.Label>{words.compare}</Menu.Label>
          <Menu.RadioGroup
            value={compare ?? ''}
            onChange={(chosen) => onCompare(COMPARISONS.find((known) => known === chosen) ?? null)}
          >
            {[null, ...COMPARISONS].map((choice) => (
              <Menu.RadioItem key={choice ?? 'none'} value={choice ?? ''} closeMenuOnClick>
                {choice === null ? words.compareNone : words.compareWith[choice]}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
        </Menu.Dropdown>
      )}
    </LateMenu>
  );
}

function RangePicker({
  range,
  span,
  onRange,
}: Pick<RangeBarProps, 'range' | 'span' | 'onRange'>): JSX.Element {
  const words = text.host.range;
  const label =
    range.kind === 'last'
      ? words.last(formatLength(range.ms))
      : formatRange(span.fromMs, span.toMs, serverNow());
  return (
    <LatePopover
      position="bottom-end"
      trapFocus
      shadow="md"
      withArrow
      target={
        <Button
          size="xs"
          variant="default"
          className={styles.target ?? ''}
          leftSection={<ClockIcon />}
          rightSection={<DownIcon />}
          aria-label={`${words.label}: ${label}`}
        >
          {label}
        </Button>
      }
    >
      {(close) => {
        const choose = (chosen: Range): void => {
          close();
          onRange(chosen);
        };
        return (
          <>
            <div className={styles.presets}>
              {PRESETS.map(({ name, ms }) => (
                <Button
                  key={name}
                  size="compact-sm"
                  variant={range.kind === 'last' && range.ms === ms ? 'filled' : 'default'}
                  onClick={() => choose({ kind: 'last', ms })}
                >
                  {words.length(name)}
                </Button>
              ))}
            </div>
            <CustomRange span={span} onRange={choose} />
          </>
        );
      }}
    </LatePopover>
  );
}

function CustomRange({
  span,
  onRange,
}: {
  readonly span: Span;
  readonly onRange: (range: Range) => void;
}): JSX.Element {
  const [from, setFrom] = useState(() => toLocalInput(span.fromMs));
  const [to, setTo] = useState(() => toLocalInput(span.toMs));
  const words = text.host.range;
  const fromMs = fromLocalInput(from);
  const toMs = fromLocalInput(to);
  const valid = fromMs !== null && toMs !== null && fromMs < toMs;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (valid) onRange({ kind: 'fixed', fromMs, toMs });
  };
  return (
    <form className={styles.custom} onSubmit={submit}>
      <TextInput
        type="datetime-local"
        step={1}
        size="xs"
        label={words.from}
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
      />
      <TextInput
        type="datetime-local"
        step={1}
        size="xs"
        label={words.to}
        value={to}
        error={valid ? undefined : words.wrong}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <Button type="submit" size="xs" disabled={!valid}>
        {words.apply}
      </Button>
    </form>
  );
}
