/** What the charts of a host are asked for, and which of them are folded until somebody unfolds them. */
export const FOLDED_AT_FIRST: readonly string[] = ['load', 'cores'];

/** Processes in the stacked chart: more could not be told apart by their colours. */
export const TOP_PROCESSES = 7;

/** Columns of the table `host` that the tracks need. */
export const HOST_COLUMNS = [
  'cpu_used_ratio',
  'cpu_user_ratio',
  'cpu_nice_ratio',
  'cpu_system_ratio',
  'cpu_irq_ratio',
  'cpu_softirq_ratio',
  'cpu_steal_ratio',
  'cpu_iowait_ratio',
  'cpu_cores',
  'cpu_pressure_some_ratio',
  'memory_pressure_some_ratio',
  'io_pressure_some_ratio',
  'memory_total_bytes',
  'memory_used_bytes',
  'memory_available_bytes',
  'memory_free_bytes',
  'swap_used_bytes',
  'disk_read_bytes_per_second',
  'disk_write_bytes_per_second',
  'disk_busy_ratio_max',
  'net_rx_bytes_per_second',
  'net_tx_bytes_per_second',
  'load1',
  'load5',
  'load15',
  'uptime_seconds',
] as const;
