//! The tables: processes, network, sensors.

use tacho_model::Block;
use tacho_model::tables::{interface, listener, process, sensor};

use super::format::Align::{Left, Right};
use super::format::{Paint, cut, field, or_dash, percent, printable, rate, size, table, terminal_columns};
use super::machine::View;

/// The busiest processes first; of equally busy ones that with more memory.
pub(super) fn processes(view: &View<'_>, top: usize, paint: Paint) -> String {
    let header = [
        ("PID", Right),
        ("USER", Left),
        ("CPU", Right),
        ("MEMORY", Right),
        ("READ", Right),
        ("WRITE", Right),
        ("COMMAND", Left),
    ];
    let Some(block) = view.block(&process::TABLE) else { return "no process can be read\n".to_owned() };
    let row = |row: usize| {
        let identity = view.process(row)?;
        let command = if identity.command.is_empty() {
            format!("[{}]", identity.name)
        } else {
            identity.command.clone()
        };
        Some(vec![
            identity.key.pid.to_string(),
            field(&identity.user),
            or_dash(cpu_ratio(block, row), percent),
            or_dash(memory(block, row), size),
            or_dash(View::rate(block, process::DISK_READ_BYTES, row), rate),
            or_dash(View::rate(block, process::DISK_WRITE_BYTES, row), rate),
            printable(&command),
        ])
    };
    let rows: Vec<_> = busiest(view, block).into_iter().filter_map(row).take(top).collect();
    match terminal_columns() {
        // The header is cut before it is painted: colours are characters too.
        Some(columns) => {
            let text = cut(&table(&header, &rows, Paint { on: false }), columns);
            let (titles, rest) = text.split_once('\n').unwrap_or_default();
            format!("{}\n{rest}", paint.bold(titles))
        }
        None => table(&header, &rows, paint),
    }
}

/// Rows of processes that are there, by what they use.
pub(super) fn busiest(view: &View<'_>, block: &Block) -> Vec<usize> {
    let is_there =
        |row: &usize| view.process(*row).is_some() && block.text(process::STATE, *row) != Some("X");
    let mut rows: Vec<usize> = (0..block.len()).filter(is_there).collect();
    let key = |row: usize| (cpu_us(block, row), memory(block, row));
    rows.sort_by(|a, b| key(*b).cmp(&key(*a)).then(a.cmp(b)));
    rows
}

/// Share of one core.
pub(super) fn cpu_ratio(block: &Block, row: usize) -> Option<f64> {
    let interval_us = block.interval_ms.checked_mul(1000).filter(|interval| *interval > 0)?;
    Some(cpu_us(block, row)? as f64 / interval_us as f64)
}

pub(super) fn memory(block: &Block, row: usize) -> Option<u64> {
    u64::try_from(block.integer(process::RSS_BYTES, row)?).ok()
}

fn cpu_us(block: &Block, row: usize) -> Option<i64> {
    block.integer(process::CPU_USER_US, row)?.checked_add(block.integer(process::CPU_SYSTEM_US, row)?)
}

/// Interfaces, and below them who listens where that is known.
pub(super) fn network(view: &View<'_>, paint: Paint) -> String {
    let header = [
        ("INTERFACE", Left),
        ("LINK", Left),
        ("SPEED", Right),
        ("RECEIVED", Right),
        ("SENT", Right),
        ("ERRORS", Right),
        ("DROPS", Right),
    ];
    let Some(block) = view.block(&interface::TABLE) else {
        return "no network interface can be read\n".to_owned();
    };
    let sum = |a, b, row| Some(View::rate(block, a, row)? + View::rate(block, b, row)?);
    let row = |row: usize| {
        vec![
            field(block.text(interface::INTERFACE, row).unwrap_or_default()),
            or_dash(block.integer(interface::UP, row), |up| if up == 1 { "up" } else { "down" }.to_owned()),
            or_dash(block.integer(interface::SPEED_BITS_PER_SECOND, row), bit_rate),
            or_dash(View::rate(block, interface::RX_BYTES, row), rate),
            or_dash(View::rate(block, interface::TX_BYTES, row), rate),
            or_dash(sum(interface::RX_ERRORS, interface::TX_ERRORS, row), per_second),
            or_dash(sum(interface::RX_DROPS, interface::TX_DROPS, row), per_second),
        ]
    };
    let mut text = table(&header, &(0..block.len()).map(row).collect::<Vec<_>>(), paint);
    if let Some(block) = view.block(&listener::TABLE) {
        text.push('\n');
        text.push_str(&listeners(block, paint));
    }
    text
}

fn listeners(block: &Block, paint: Paint) -> String {
    let header = [("PROTOCOL", Left), ("ADDRESS", Left), ("PORT", Right), ("PID", Right), ("LISTENER", Left)];
    let text = |column, row| field(block.text(column, row).unwrap_or_default());
    let number = |column, row| or_dash(block.integer(column, row), |number| number.to_string());
    let row = |row: usize| {
        vec![
            text(listener::PROTOCOL, row),
            text(listener::ADDRESS, row),
            number(listener::PORT, row),
            number(listener::PID, row),
            text(listener::NAME, row),
        ]
    };
    let open = (0..block.len()).filter(|row| block.integer(listener::OPEN, *row) != Some(0));
    table(&header, &open.map(row).collect::<Vec<_>>(), paint)
}

/// Temperatures with their levels, and fans.
pub(super) fn sensors(view: &View<'_>, paint: Paint) -> String {
    let header = [("SENSOR", Left), ("KIND", Left), ("VALUE", Right), ("LEVEL", Left)];
    let Some(block) = view.block(&sensor::TABLE) else {
        return "this machine has no sensor that its kernel tells of\n".to_owned();
    };
    let row = |row: usize| {
        let degrees = block.float(sensor::TEMPERATURE_CELSIUS, row).map(|degrees| format!("{degrees:.1}°C"));
        let speed = block.integer(sensor::FAN_RPM, row).map(|speed| format!("{speed}rpm"));
        vec![
            printable(block.text(sensor::SENSOR, row).unwrap_or_default()),
            field(block.text(sensor::KIND, row).unwrap_or_default()),
            degrees.or(speed).unwrap_or_else(|| "-".to_owned()),
            paint.level(block.text(sensor::LEVEL, row).unwrap_or("-")),
        ]
    };
    table(&header, &(0..block.len()).map(row).collect::<Vec<_>>(), paint)
}

fn bit_rate(bits_per_second: i64) -> String {
    format!("{}Mbit/s", bits_per_second / 1_000_000)
}

fn per_second(number: f64) -> String {
    format!("{number:.0}/s")
}
