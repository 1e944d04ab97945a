//! `/proc/pressure/*`: time lost to waiting (Linux 4.20 and later, where switched on).

use crate::bytes::{lines, number, words};

/// Microseconds since boot. The line `full` of `cpu` is there since Linux 5.13 and means nothing for a
/// whole host; `irq` (6.1) has only `full`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressure {
    pub some_us: Option<u64>,
    pub full_us: Option<u64>,
}

/// `some avg10=0.77 avg60=0.24 avg300=0.24 total=5131129`
pub fn parse_pressure(text: &[u8]) -> Pressure {
    let mut pressure = Pressure::default();
    for line in lines(text) {
        let mut words = words(line);
        let field = match words.next() {
            Some(b"some") => &mut pressure.some_us,
            Some(b"full") => &mut pressure.full_us,
            _ => continue,
        };
        *field = words.find_map(|word| number(word.strip_prefix(b"total=")?));
    }
    pressure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_may_be_missing_or_bare() {
        let text = b"some avg10=0.77 avg60=0.24 avg300=0.24 total=5131129\nfull avg10=0.00 total=7\n";
        assert_eq!(parse_pressure(text), Pressure { some_us: Some(5_131_129), full_us: Some(7) });
        assert_eq!(
            parse_pressure(b"full avg10=0.00 total=7\n"),
            Pressure { some_us: None, full_us: Some(7) }
        );
        assert_eq!(parse_pressure(b"some\nfull total=\n"), Pressure::default());
    }
}
