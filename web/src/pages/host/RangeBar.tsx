import { ActionIcon, Button, Popover, TextInput, Tooltip } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';

import { ClockIcon, DownIcon, LeftIcon, RightIcon, ZoomOutIcon } from '../../components/icons';
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
}

const ZOOM = 2;
const PAN = 0.5;

export function RangeBar({ range, span, onRange, onNow, actions }: RangeBarProps): JSX.Element {
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
      <Tooltip label={`${words.nowHint} (N)`}>
        <Button size="xs" variant={following ? 'light' : 'default'} onClick={onNow} aria-pressed={following}>
          {words.now}
        </Button>
      </Tooltip>
    </div>
  );
}

interface IconButtonProps {
  readonly label: string;
  readonly keys: string;
  readonly onClick: () => void;
  readonly disabled?: boolean;
  readonly children: JSX.Element;
}

function IconButton({ label, keys, onClick, disabled = false, children }: IconButtonProps): JSX.Element {
  return (
    <Tooltip label={`${label} (${keys})`}>
      <ActionIcon size={30} variant="default" aria-label={label} onClick={onClick} disabled={disabled}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

function RangePicker({
  range,
  span,
  onRange,
}: Pick<RangeBarProps, 'range' | 'span' | 'onRange'>): JSX.Element {
  const [opened, setOpened] = useState(false);
  const words = text.host.range;
  const choose = (chosen: Range): void => {
    setOpened(false);
    onRange(chosen);
  };
  const label =
    range.kind === 'last'
      ? words.last(formatLength(range.ms))
      : formatRange(span.fromMs, span.toMs, serverNow());
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus shadow="md" withArrow>
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          className={styles.target ?? ''}
          leftSection={<ClockIcon />}
          rightSection={<DownIcon />}
          aria-label={`${words.label}: ${label}`}
          onClick={() => setOpened((old) => !old)}
        >
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <div className={styles.presets}>
          {PRESETS.map(({ name, ms }) => (
            <Button
              key={name}
              size="compact-sm"
              variant={range.kind === 'last' && range.ms === ms ? 'filled' : 'default'}
              onClick={() => choose({ kind: 'last', ms })}
            >
              {name}
            </Button>
          ))}
        </div>
        {opened && <CustomRange span={span} onRange={choose} />}
      </Popover.Dropdown>
    </Popover>
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
