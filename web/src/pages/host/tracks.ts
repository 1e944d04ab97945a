/** What the charts of a host show: series in, tracks out. No drawing here. */
import type { Series } from '../../api/series';

import {
  ABSENT,
  formatBytes,
  formatBytesShort,
  formatNumber,
  formatRate,
  formatRatio,
} from '../../lib/format';
import { bytesAbove, maxOf, roundAbove, stepAbove } from '../../lib/plot';
import { text } from '../../text';
import {
  type Column,
  type Format,
  type HostTrackId,
  NONE,
  type Track,
  columnsOf,
  difference,
  finish,
  fitted,
  line,
  rates,
  sum,
} from './trackParts';

export const TRACK_IDS: readonly HostTrackId[] = [
  'cpu',
  'top',
  'pressure',
  'memory',
  'disk',
  'network',
  'load',
  'cores',
];

const SHARES = [0.1, 0.25, 0.5, 1];
const fitShare = (highest: number): number => stepAbove(highest, SHARES);

/** Tracks for the series of `HOST_COLUMNS`, without cores, which have series of their own. */
export function buildTracks(series: Series): Track[] {
  const column = columnsOf(series);
  return [cpu(series, column), pressure(series, column), memory(series, column)].concat([
    disk(series, column),
    network(series, column),
    load(series, column),
  ]);
}

function cpu(series: Series, column: Column): Track {
  const names = text.host.lines;
  const lines = finish(
    series,
    [
      line('user', names.user, 'blue', sum(column('cpu_user_ratio'), column('cpu_nice_ratio')), 'stacked'),
      line('system', names.system, 'violet', column('cpu_system_ratio'), 'stacked'),
      line(
        'interrupts',
        names.interrupts,
        'teal',
        sum(column('cpu_irq_ratio'), column('cpu_softirq_ratio')),
        'stacked',
      ),
      line('steal', names.steal, 'red', column('cpu_steal_ratio'), 'stacked'),
      line('iowait', names.iowait, 'amber', column('cpu_iowait_ratio'), 'stacked'),
    ],
    formatRatio,
  );
  return fitted({
    id: 'cpu',
    headline: { values: column('cpu_used_ratio'), format: formatRatio },
    lines,
    fit: fitShare,
    axis: (value) => formatRatio(value, (value ?? 0) > 0 && (value ?? 0) < 0.1 ? 1 : 0),
  });
}

function pressure(series: Series, column: Column): Track {
  const names = text.host.lines;
  const values = ['cpu', 'memory', 'io'].map((kind) => column(`${kind}_pressure_some_ratio`));
  const [ofCpu = NONE, ofMemory = NONE, ofIo = NONE] = values;
  const lines = finish(
    series,
    [
      line('cpu', names.pressureCpu, 'blue', ofCpu, 'area'),
      line('memory', names.pressureMemory, 'teal', ofMemory, 'area'),
      line('io', names.pressureIo, 'amber', ofIo, 'area'),
    ],
    formatRatio,
  );
  const worst = ofCpu.map((_, index) => {
    const present = values.map((one) => one[index]).filter((value) => value != null);
    return present.length === 0 ? null : Math.max(...present);
  });
  return fitted({
    id: 'pressure',
    headline: { values: worst, format: formatRatio },
    lines,
    fit: fitShare,
    axis: (value) => formatRatio(value, 0),
  });
}

function memory(series: Series, column: Column): Track {
  const names = text.host.lines;
  const total = maxOf([column('memory_total_bytes')]);
  const used = column('memory_used_bytes');
  const lines = finish(
    series,
    [
      line('used', names.used, 'teal', used, 'stacked'),
      line(
        'cache',
        names.cache,
        'slate',
        difference(column('memory_available_bytes'), column('memory_free_bytes')),
        'stacked',
      ),
      line('swap', names.swap, 'red', column('swap_used_bytes'), 'line'),
    ],
    formatBytes,
  );
  return fitted({
    id: 'memory',
    headline: { values: used, format: formatBytes },
    lines,
    fit: (highest) => (total > 0 ? Math.max(total, highest) : bytesAbove(highest, 1024 ** 2)),
    axis: formatBytesShort,
  });
}

function disk(series: Series, column: Column): Track {
  const names = text.host.lines;
  const read = column('disk_read_bytes_per_second');
  const written = column('disk_write_bytes_per_second');
  const lines = [
    line('read', names.read, 'blue', read, 'area'),
    line('written', names.written, 'amber', written, 'area'),
  ];
  // Busy time has no place on an axis of bytes: it is the headline only.
  const busy = { values: column('disk_busy_ratio_max'), format: busyFormat };
  return rates(series, 'disk', lines, busy);
}

const busyFormat: Format = (value) => (value == null ? ABSENT : text.host.lines.busy(formatRatio(value)));

function network(series: Series, column: Column): Track {
  const names = text.host.lines;
  const received = column('net_rx_bytes_per_second');
  const sent = column('net_tx_bytes_per_second');
  return rates(
    series,
    'network',
    [
      line('received', names.received, 'teal', received, 'area'),
      line('sent', names.sent, 'violet', sent, 'area'),
    ],
    { values: sum(received, sent), format: formatRate },
  );
}

function load(series: Series, column: Column): Track {
  const names = text.host.lines;
  const one = column('load1');
  const format: Format = (value) => formatNumber(value, 2);
  const lines = finish(
    series,
    [
      line('load1', names.load1, 'blue', one, 'area'),
      line('load5', names.load5, 'violet', column('load5'), 'line'),
      line('load15', names.load15, 'slate', column('load15'), 'line'),
    ],
    format,
  );
  return fitted({
    id: 'load',
    headline: { values: one, format },
    lines,
    fit: (highest) => roundAbove(highest, 1),
    axis: (value) => formatNumber(value, (value ?? 0) < 5 ? 1 : 0),
  });
}
