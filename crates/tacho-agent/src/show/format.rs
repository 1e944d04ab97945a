//! Numbers, times and words as people read them.

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Colours, on a terminal only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) on: bool,
}

impl Paint {
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A level in its colour.
    pub(super) fn level(self, level: &str) -> String {
        match level {
            "note" => self.with("33", level),
            "warning" => self.with("31", level),
            other => other.to_owned(),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// On a terminal, unless the user asked programs for none (no-color.org).
pub(super) fn colours_wanted(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal that standard output is; `None` where it is none.
#[expect(unsafe_code, reason = "the standard library does not ask terminals")]
pub(super) fn terminal_columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel fills the structure, which lives across the call.
    let told = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) } == 0;
    Some(usize::from(size.ws_col)).filter(|columns| told && *columns > 0)
}

/// The first `columns` characters of each line.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let short = |line: &str| line.chars().take(columns).chain(['\n']).collect::<String>();
    text.lines().map(short).collect()
}

/// Text, or `-` where there is none.
pub(super) fn or_dash<T>(value: Option<T>, format: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

/// `1536` is `1.5KiB`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    // What would be shown as 1024.0 is one of the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$}{}", UNITS[unit])
}

pub(super) fn percent(ratio: f64) -> String {
    format!("{:.1}%", ratio * 100.0)
}

pub(super) fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", size(bytes_per_second.round() as u64))
}

/// One field of a line: white space becomes `_`, what could move a terminal's cursor `?`, nothing `-`.
pub(super) fn field(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    printable(text).chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect()
}

/// Control characters become `?`.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Days, hours and minutes: `3d4h0m`.
pub(super) fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h{minutes}m"),
    }
}

/// `2026-11-21T10:08:00+01:00`: the machine's time zone, by `/etc/localtime` or `TZ`.
#[expect(unsafe_code, reason = "the standard library knows no time zones")]
pub(super) fn local_time(time_ms: i64) -> String {
    let seconds: libc::time_t = time_ms.div_euclid(1000);
    // SAFETY: all zeros, with a null pointer for the zone's name, is a valid value of this plain structure.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid across the call.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    let offset_minutes = parts.tm_gmtoff / 60;
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}",
        parts.tm_year + 1900,
        parts.tm_mon + 1,
        parts.tm_mday,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
        if offset_minutes < 0 { '-' } else { '+' },
        offset_minutes.abs() / 60,
        offset_minutes.abs() % 60,
    )
}

/// Rows under a header: columns as wide as their widest cell, numbers to the right, the last as long as it is.
pub(super) fn table(header: &[(&str, Align)], rows: &[Vec<String>], paint: Paint) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let title = header.get(column).map_or(0, |(title, _)| title.len());
        cells.fold(title, usize::max)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(header).zip(&widths).map(|((cell, (_, align)), width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let titles: Vec<String> = header.iter().map(|(title, _)| (*title).to_owned()).collect();
    let mut text = paint.bold(&line(&titles)) + "\n";
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0KiB"),
            (1536, "1.5KiB"),
            ((1 << 20) - 1, "1.0MiB"),
            (u64::MAX, "16.0EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((percent(0.1234), percent(1.0)), ("12.3%".to_owned(), "100.0%".to_owned()));
        assert_eq!(
            (uptime(59), uptime(7260), uptime(273_600)),
            ("0m".into(), "2h1m".into(), "3d4h0m".into())
        );
    }

    #[test]
    fn a_field_is_one_word() {
        assert_eq!(field("Debian GNU/Linux 13"), "Debian_GNU/Linux_13");
        assert_eq!((field(""), field("a\x1b[2Jb\nc")), ("-".to_owned(), "a?[2Jb?c".to_owned()));
    }

    #[test]
    fn lines_are_cut_by_characters() {
        assert_eq!(cut("äöü\na\n", 2), "äö\na\n");
    }

    #[test]
    fn columns_are_aligned() {
        let header = [("NAME", Align::Left), ("SIZE", Align::Right), ("COMMAND", Align::Left)];
        let rows =
            [["ä", "1", "x y"], ["long-name", "1000000", ""]].map(|row| row.map(String::from).to_vec());
        let text = table(&header, &rows, Paint { on: false });
        assert_eq!(text, "NAME          SIZE  COMMAND\nä                1  x y\nlong-name  1000000\n");
        assert!(table(&header, &rows, Paint { on: true }).starts_with("\x1b[1mNAME"));
    }
}
