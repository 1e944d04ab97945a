//! Columns of everything but processes: one walk per entity that knows how each column moves.

use tacho_model::tables::{cpu, host};
use tacho_model::{Block, Column, ColumnType, FloatColumn, IntegerColumn, Meaning, Table, TextColumn, Unit};

use super::{CORES, MEMORY_BYTES};
use crate::random::Random;

const PAGE: u64 = 4096;
/// The kernel counts CPU time in ticks of 10 ms.
pub(super) const TICK_US: u64 = 10_000;

/// How one column of one entity moves.
#[derive(Debug)]
enum Motion {
    /// Stays.
    Constant(u64),
    /// Goes up and down by small steps around where it started, in whole pages or units.
    Drift { now: u64, unit: u64, limit: u64 },
    /// Added per second, in bursts that grow with the load.
    Rate { per_second: f64, unit: u64 },
    /// A load average.
    Load(f64),
    /// Seconds since boot.
    Uptime(u64),
    /// The entity's own label.
    Label,
    /// Some other text, the same for ever.
    Text(String),
    /// Filled in by somebody else, or absent on most machines.
    Absent,
}

/// All columns of one entity.
#[derive(Debug)]
pub(super) struct Walk(Vec<Motion>);

impl Walk {
    pub(super) fn new(table: &'static Table, random: &mut Random) -> Self {
        Self(table.columns.iter().map(|column| motion(table, column, random)).collect())
    }

    /// Adds one row to `block`.
    pub(super) fn fill(&mut self, block: &mut Block, label: &str, load: f64, random: &mut Random) {
        let seconds = block.interval_ms as f64 / 1000.0;
        let mut row = block.push();
        for (position, motion) in (0..).zip(&mut self.0) {
            let integer = IntegerColumn(position);
            match motion {
                Motion::Constant(value) => row.unsigned(integer, *value),
                Motion::Drift { now, unit, limit } => {
                    if random.below(3) == 0 {
                        let step = random.below(64) * *unit;
                        *now = if random.below(2) == 0 {
                            now.saturating_add(step)
                        } else {
                            now.saturating_sub(step)
                        };
                        *now = (*now).min(*limit);
                    }
                    row.unsigned(integer, *now)
                }
                Motion::Rate { per_second, unit } => {
                    let mean = *per_second * seconds * load;
                    row.unsigned(integer, random.burst(mean) as u64 / *unit * *unit)
                }
                Motion::Load(value) => {
                    *value = (*value * 0.92 + load * CORES as f64 * 0.08).max(0.0);
                    row.float(FloatColumn(position), (*value * 100.0).round() / 100.0)
                }
                Motion::Uptime(value) => {
                    *value = value.saturating_add(seconds as u64);
                    row.unsigned(integer, *value)
                }
                Motion::Label => match label.parse() {
                    Ok(number) => row.unsigned(integer, number),
                    Err(_) => row.text(TextColumn(position), label),
                },
                Motion::Text(text) => row.text(TextColumn(position), text),
                Motion::Absent => &mut row,
            };
        }
    }
}

fn motion(table: &Table, column: &Column, random: &mut Random) -> Motion {
    if table.entity.contains(&column.name) {
        return Motion::Label;
    }
    // CPU time is shared out afterwards, so that it adds up.
    if table.id == cpu::TABLE.id || column.name.starts_with("cpu_") && column.unit == Unit::Microseconds {
        return if column.name.contains("pressure") { rate(2e4, 1) } else { Motion::Absent };
    }
    match (column.name, column.column_type, column.meaning, column.unit) {
        ("uptime_seconds", ..) => Motion::Uptime(random.below(10_000_000)),
        ("cpu_cores", ..) => Motion::Constant(CORES),
        ("memory_total_bytes", ..) => Motion::Constant(MEMORY_BYTES),
        ("whole" | "up" | "physical", ..) => Motion::Constant(1),
        ("read_only", ..) => Motion::Constant(0),
        (_, ColumnType::Float, ..) => Motion::Load(2.0),
        (_, ColumnType::Text, ..) => Motion::Text(format!("{}-{}", column.name, random.below(4))),
        (_, _, Meaning::Delta, Unit::Bytes) => rate(2e6, PAGE),
        (_, _, Meaning::Delta, Unit::Microseconds) => rate(5e4, 1),
        // Most error counters stand still; what moves moves a lot.
        (name, _, Meaning::Delta, _)
            if name.contains("error") || name.contains("drop") || name.contains("oom") =>
        {
            Motion::Constant(0)
        }
        (_, _, Meaning::Delta, _) => rate(800.0, 1),
        (_, _, _, Unit::Bytes) => Motion::Drift {
            now: random.below(MEMORY_BYTES / 4) / PAGE * PAGE,
            unit: PAGE,
            limit: MEMORY_BYTES,
        },
        (_, _, _, Unit::BitsPerSecond) => Motion::Constant(10_000_000_000),
        _ => Motion::Drift { now: random.below(2000), unit: 1, limit: 1_000_000 },
    }
}

fn rate(per_second: f64, unit: u64) -> Motion {
    Motion::Rate { per_second: per_second * 2.0, unit }
}

/// Shares the CPU time of the interval out to the cores and their states, in whole ticks, and sums it up
/// for the host.
pub(super) fn share_cpu_time(host_block: &mut Block, cpu_block: &mut Block, load: f64, random: &mut Random) {
    let interval_us = cpu_block.interval_ms.unsigned_abs() * 1000;
    let states = [
        cpu::USER_US,
        cpu::SYSTEM_US,
        cpu::SOFTIRQ_US,
        cpu::IOWAIT_US,
        cpu::NICE_US,
        cpu::IRQ_US,
        cpu::STEAL_US,
    ];
    let shares = [0.65, 0.2, 0.02, 0.1, 0.01, 0.0, 0.02];
    let host_states = [
        host::CPU_USER_US,
        host::CPU_SYSTEM_US,
        host::CPU_SOFTIRQ_US,
        host::CPU_IOWAIT_US,
        host::CPU_NICE_US,
        host::CPU_IRQ_US,
        host::CPU_STEAL_US,
    ];
    let mut sums = [0u64; 7];
    let mut idle_sum = 0;
    let mut filled = Block::new(cpu_block.table());
    filled.interval_ms = cpu_block.interval_ms;
    for core in 0..CORES {
        let mut row = filled.push();
        row.unsigned(cpu::CORE, core);
        let mut left = interval_us;
        for ((state, share), sum) in states.into_iter().zip(shares).zip(&mut sums) {
            let used = (random.burst(interval_us as f64 * load * share) as u64 / TICK_US * TICK_US).min(left);
            left -= used;
            *sum += used;
            row.unsigned(state, used);
        }
        row.unsigned(cpu::IDLE_US, left).unsigned(cpu::GUEST_US, 0);
        idle_sum += left;
    }
    *cpu_block = filled;
    set(host_block, host::CPU_IDLE_US, idle_sum);
    set(host_block, host::CPU_GUEST_US, 0);
    for (column, sum) in host_states.into_iter().zip(sums) {
        set(host_block, column, sum);
    }
}

/// Sets a cell of the only row.
fn set(block: &mut Block, column: IntegerColumn, value: u64) {
    let values = tacho_model::ColumnValues::Integer {
        values: vec![i64::try_from(value).unwrap_or(i64::MAX)],
        present: vec![true],
    };
    block.set_column(usize::from(column.0), values);
}
