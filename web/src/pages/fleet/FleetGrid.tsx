import { type JSX, memo, useMemo, useRef } from 'react';

import type { Host } from '../../api/hosts';
import { Meter } from '../../components/Meter';
import { useScroll } from '../../components/useScroll';
import { formatRatio } from '../../lib/format';
import { lineTops, lineWindow } from '../../lib/virtual';
import { text } from '../../text';
import { AlertBadge, describe } from './AlertBadge';
import { CpuTrend, GapMark } from './CpuTrend';
import styles from './FleetGrid.module.css';
import { GroupName } from './GroupName';
import { HostName } from './HostName';
import { Temperature } from './fleetColumns';
import type { FleetItem } from './fleetGroups';
import type { FleetRow } from './fleetRows';
import { CARD_GAP, type GridLine, cardsBeside, gridLines } from './gridLines';

const CARD_HEIGHT = 158;
const GROUP_HEIGHT = 40;
const PADDING = 16;

export interface FleetGridProps {
  readonly items: readonly FleetItem[];
  /** Somebody wants to change a host; absent: may not. */
  readonly onChange: ((host: Host) => void) | undefined;
}

/** Hosts as cards: calm where all is well. Those that can be seen are drawn. */
export function FleetGrid({ items, onChange }: FleetGridProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const { top, width, height } = useScroll(scroller, GROUP_HEIGHT);
  const beside = cardsBeside(width - 2 * PADDING);
  const lines = useMemo(() => gridLines(items, beside), [items, beside]);
  const tops = useMemo(() => lineTops(lines.map(heightOf)), [lines]);
  const shown = lineWindow(tops, top - CARD_GAP, height);
  return (
    <div className={styles.scroller} ref={scroller}>
      <div role="list" aria-label={text.fleet.tableLabel}>
        <div role="presentation" style={{ height: shown.before }} />
        {lines.slice(shown.first, shown.last).map((line) => (
          <div
            key={keyOf(line)}
            role="presentation"
            className={styles.line}
            style={{
              height: heightOf(line),
              gridTemplateColumns: `repeat(${String(beside)}, minmax(0, 1fr))`,
            }}
          >
            {line.kind === 'group' ? (
              <div role="listitem" className={styles.group}>
                <h2>
                  <GroupName group={line.group} />
                </h2>
              </div>
            ) : (
              line.cards.map(({ key, row }, index) => (
                <HostCard
                  key={key}
                  row={row}
                  place={line.place + index + 1}
                  of={items.length}
                  onChange={onChange}
                />
              ))
            )}
          </div>
        ))}
        <div role="presentation" style={{ height: shown.after }} />
      </div>
      {items.length === 0 && <p className={styles.none}>{text.fleet.noMatch}</p>}
    </div>
  );
}

const heightOf = (line: GridLine): number => (line.kind === 'group' ? GROUP_HEIGHT : CARD_HEIGHT + CARD_GAP);

const keyOf = (line: GridLine): string =>
  line.kind === 'group' ? `group ${line.group.name ?? ''}` : (line.cards[0]?.key ?? '');

interface HostCardProps {
  readonly row: FleetRow;
  /** Among all of the list, from 1. */
  readonly place: number;
  readonly of: number;
  readonly onChange: ((host: Host) => void) | undefined;
}

const HostCard = memo(function HostCard({ row, place, of, onChange }: HostCardProps): JSX.Element {
  const { host, cpu, memory, filesystem } = row;
  const { columns } = text.fleet;
  const meters = [
    [columns.cpu, cpu, 0.75],
    [columns.memory, memory, 0.75],
    [columns.filesystem, filesystem, 0.8],
  ] as const;
  return (
    <div
      role="listitem"
      className={styles.card}
      data-state={row.state}
      data-severity={host.alert?.muted === null ? host.alert.severity : undefined}
      aria-posinset={place}
      aria-setsize={of}
    >
      <HostName row={row} onChange={onChange} />
      <div className={styles.meters}>
        {meters.map(([label, value, warn]) => (
          <div key={label}>
            <span className={styles.label}>{label}</span>
            <Meter value={value} label={formatRatio(value)} warn={warn} />
          </div>
        ))}
      </div>
      <div className={styles.trend}>
        <CpuTrend host={host} width={130} />
        <span className={styles.cues}>
          <GapMark host={host} />
          {row.temperature !== null && (
            <Temperature degrees={row.temperature} level={row.latest?.temperature_level ?? null} />
          )}
        </span>
      </div>
      {host.alert ? (
        <div className={styles.alert}>
          <AlertBadge host={host} />
          <span aria-hidden="true">{describe(host.alert)}</span>
        </div>
      ) : (
        <div className={styles.quiet}>{host.tags.join(' ')}</div>
      )}
    </div>
  );
});
