import { type JSX, useMemo, useRef } from 'react';

import type { SqlResult } from '../../api/sql';
import { Notice } from '../../components/Notice';
import { useSize } from '../../components/useSize';
import { SLOTS } from '../../lib/processColors';
import { maxOf, roundAbove } from '../../lib/plot';
import { formatDateTime } from '../../lib/time';
import { plainNumber } from '../../lib/units';
import { useScheme } from '../../state/settings';
import { text } from '../../text';
import type { TrackLine } from '../host/trackParts';
import { TrackPlot } from '../host/TrackPlot';
import { type ResultChart as Chart, buildResultChart } from './resultChart';
import styles from './SqlPage.module.css';

const PIXELS_PER_TICK = 110;

/** A result as lines over time, or as bars by name. */
export function ResultChart({ result }: { readonly result: SqlResult }): JSX.Element {
  const chart = useMemo(() => buildResultChart(result), [result]);
  if (!chart) return <Notice title={text.sql.chart.none} detail={text.sql.chart.needs} />;
  return (
    <div className={styles.chart}>
      {chart.cut && <p className={styles.note}>{text.sql.chart.cut}</p>}
      {chart.kind === 'lines' ? <Lines chart={chart} /> : <Bars chart={chart} />}
    </div>
  );
}

function Lines({ chart }: { readonly chart: Chart & { kind: 'lines' } }): JSX.Element {
  const { timeMs, lines } = chart;
  const element = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(element);
  const scheme = useScheme();
  const drawn = useMemo(
    () =>
      lines.map(({ name, values }, index): TrackLine => ({
        key: `${String(index)}${name}`,
        label: name,
        color: SLOTS[index % SLOTS.length] ?? 'p1',
        values,
        drawn: values,
        style: 'line',
        format: plainNumber,
      })),
    [lines],
  );
  const span = useMemo(() => ({ fromMs: timeMs[0] ?? 0, toMs: timeMs.at(-1) ?? 1 }), [timeMs]);
  return (
    <>
      <div className={styles.plot} ref={element}>
        {width > 0 && (
          <TrackPlot
            {...{ span, timeMs, width, height, scheme }}
            lines={drawn}
            bucketMs={0}
            max={roundAbove(maxOf(lines.map(({ values }) => values)), 1e-6)}
            axis={plainNumber}
            ticks={Math.max(2, Math.floor(width / PIXELS_PER_TICK))}
          />
        )}
      </div>
      <p className={styles.ends}>
        <span>{formatDateTime(span.fromMs)}</span>
        <span>{formatDateTime(span.toMs)}</span>
      </p>
      <ul className={styles.legend}>
        {drawn.map(({ key, label, color }) => (
          <li key={key}>
            <span className={styles.swatch} style={{ background: `var(--line-${color})` }} />
            {label}
          </li>
        ))}
      </ul>
    </>
  );
}

function Bars({ chart }: { readonly chart: Chart & { kind: 'bars' } }): JSX.Element {
  const { bars, max, number } = chart;
  return (
    <table className={styles.bars} aria-label={text.sql.chart.bars(number)}>
      <tbody>
        {bars.map(({ name, value }, index) => (
          <tr key={index}>
            <th scope="row" title={name}>
              {name}
            </th>
            <td>
              <span
                className={styles.bar}
                style={{ width: `${String(max > 0 ? Math.max(0, value / max) * 100 : 0)}%` }}
              />
            </td>
            <td className="num">{plainNumber(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
