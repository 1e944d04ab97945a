/** What the sections show: which readings of which tables, as which tracks. */
import { type Column, type SectionTrackId, type Spec, line, sum } from '../trackParts';
import type { Values } from '../../../lib/plot';
import { text } from '../../../text';
import type { SectionId } from '../sectionIds';

/** One question to the server. Tracks with the same one share the answer. */
export interface Ask {
  readonly table: string;
  readonly columns: readonly string[];
  /** The server ranks entities and adds up the rest; else all are told. */
  readonly limit: number | null;
  /** Rows come seldom: the newest value stays until the next one, for at most `HELD_MS`. */
  readonly held: boolean;
}

/** Rows that come seldom come at least so often; a newest value older than that is none. */
export const HELD_MS = 75_000;

interface Common {
  readonly id: SectionTrackId;
  readonly ask: Ask;
  /** A column whose unit the track has. */
  readonly unit: string;
  /** What adds up is stacked, and its headline is the sum; of the rest it is the greatest. */
  readonly stacked: boolean;
}

/** A line for each entity: each disk, each unit. */
export interface EntityTrack extends Common {
  readonly kind: 'entities';
  readonly value: (column: Column) => Values;
  /** What is said of an entity stands at its line here. */
  readonly noted: boolean;
  /** Those that count where there are any: whole disks. */
  readonly isMain?: (column: Column) => boolean;
}

/** Lines with names of their own, of the host as a whole. */
export interface NamedTrack extends Common {
  readonly kind: 'named';
  readonly lines: (column: Column) => readonly Spec[];
}

export type TrackSpec = EntityTrack | NamedTrack;

/** Lines of one track: more could not be told apart by their colours. */
export const MOST_LINES = 7;

type Options = Partial<Pick<EntityTrack, 'stacked' | 'noted' | 'isMain' | 'value'>>;

const entities = (
  id: SectionTrackId,
  ask: Ask,
  parts: readonly string[],
  options: Options = {},
): EntityTrack => ({
  kind: 'entities',
  id,
  ask,
  unit: parts[0] ?? '',
  stacked: false,
  noted: false,
  value: (column) => sum(...parts.map(column)),
  ...options,
});

/** One question for one track, whose entities are ranked by it. */
const ranked = (
  id: SectionTrackId,
  table: string,
  columns: readonly string[],
  { held = false, ...options }: Options & { readonly held?: boolean } = {},
): EntityTrack => entities(id, { table, columns, limit: MOST_LINES, held }, columns, options);

const DISKS: Ask = {
  table: 'disk',
  columns: [
    'whole',
    'read_bytes_per_second',
    'write_bytes_per_second',
    'reads_per_second',
    'writes_per_second',
    'busy_ratio',
    'await_ms',
    'queue_depth',
  ],
  limit: null,
  held: false,
};

const isWhole = (column: Column): boolean => column('whole').some((value) => value === 1);

const disk = (id: SectionTrackId, parts: readonly string[], stacked = false): EntityTrack =>
  entities(id, DISKS, parts, { stacked, isMain: isWhole });

const SOCKETS: Ask = {
  table: 'host',
  columns: [
    'tcp_established',
    'tcp_syn_sent',
    'tcp_syn_received',
    'tcp_fin_wait',
    'tcp_time_wait',
    'tcp_close_wait',
    'tcp_closing',
    'tcp_listen',
    'udp_sockets',
    'sockets',
    'tcp_retransmits_per_second',
    'udp_errors_in_per_second',
  ],
  limit: null,
  held: false,
};

const named = (
  id: SectionTrackId,
  unit: string,
  stacked: boolean,
  lines: NamedTrack['lines'],
): NamedTrack => ({
  kind: 'named',
  id,
  ask: SOCKETS,
  unit,
  stacked,
  lines,
});

const names = text.sections.lines;

const tcp = named('sockets_tcp', 'tcp_established', true, (column) => [
  line('established', names.established, 'blue', column('tcp_established'), 'stacked'),
  line('opening', names.opening, 'teal', sum(column('tcp_syn_sent'), column('tcp_syn_received')), 'stacked'),
  line('closing', names.closing, 'violet', sum(column('tcp_fin_wait'), column('tcp_closing')), 'stacked'),
  line('time_wait', names.timeWait, 'slate', column('tcp_time_wait'), 'stacked'),
  line('close_wait', names.closeWait, 'red', column('tcp_close_wait'), 'stacked'),
]);

const kinds = named('sockets_kinds', 'sockets', false, (column) => [
  line('all', names.all, 'slate', column('sockets'), 'area'),
  line('listening', names.listening, 'blue', column('tcp_listen'), 'line'),
  line('udp', names.udp, 'amber', column('udp_sockets'), 'line'),
]);

const trouble = named('sockets_again', 'tcp_retransmits_per_second', false, (column) => [
  line('retransmits', names.retransmits, 'red', column('tcp_retransmits_per_second'), 'area'),
  line('dropped', names.dropped, 'amber', column('udp_errors_in_per_second'), 'line'),
]);

const GPUS: Ask = {
  table: 'gpu',
  columns: ['used_ratio', 'memory_used_bytes', 'temperature_celsius', 'power_watts'],
  limit: null,
  held: false,
};

/** The greatest of some columns, bucket by bucket. */
function greatest(...parts: Values[]): Values {
  return (parts[0] ?? []).map((_, index) => {
    const present = parts.map((part) => part[index]).filter((value) => value != null);
    return present.length === 0 ? null : Math.max(...present);
  });
}

const PRESSURES = ['cpu_pressure_some_ratio', 'memory_pressure_some_ratio', 'io_pressure_some_ratio'];

const SECTIONS: Readonly<Record<SectionId, readonly TrackSpec[]>> = {
  filesystems: [
    ranked('fs_used', 'filesystem', ['used_ratio'], { held: true, noted: true }),
    ranked('fs_bytes', 'filesystem', ['used_bytes'], { held: true }),
  ],
  disks: [
    disk('disk_read', ['read_bytes_per_second'], true),
    disk('disk_written', ['write_bytes_per_second'], true),
    disk('disk_operations', ['reads_per_second', 'writes_per_second'], true),
    disk('disk_busy', ['busy_ratio']),
    disk('disk_await', ['await_ms']),
    disk('disk_queue', ['queue_depth']),
  ],
  interfaces: [
    ranked('if_received', 'interface', ['rx_bytes_per_second']),
    ranked('if_sent', 'interface', ['tx_bytes_per_second']),
    ranked('if_packets', 'interface', ['rx_packets_per_second', 'tx_packets_per_second']),
    ranked('if_errors', 'interface', [
      'rx_errors_per_second',
      'tx_errors_per_second',
      'rx_drops_per_second',
      'tx_drops_per_second',
    ]),
  ],
  sockets: [tcp, kinds, trouble],
  sensors: [
    ranked('sensor_temperature', 'sensor', ['temperature_celsius'], { held: true, noted: true }),
    ranked('sensor_fan', 'sensor', ['fan_rpm'], { held: true }),
  ],
  gpus: [
    entities('gpu_used', GPUS, ['used_ratio']),
    entities('gpu_memory', GPUS, ['memory_used_bytes'], { stacked: true }),
    entities('gpu_temperature', GPUS, ['temperature_celsius']),
    entities('gpu_power', GPUS, ['power_watts'], { stacked: true }),
  ],
  units: [
    ranked('unit_cpu', 'cgroup', ['cpu_user_ratio', 'cpu_system_ratio'], { stacked: true }),
    ranked('unit_memory', 'cgroup', ['memory_bytes'], { stacked: true, held: true }),
    ranked('unit_disk', 'cgroup', ['disk_read_bytes_per_second', 'disk_write_bytes_per_second'], {
      stacked: true,
    }),
    ranked('unit_pressure', 'cgroup', PRESSURES, {
      value: (column) => greatest(...PRESSURES.map(column)),
    }),
  ],
};

/** The tracks of a section, from the top. */
export const tracksOf = (section: SectionId): readonly TrackSpec[] => SECTIONS[section];
