//! `/proc/mdstat`: software RAID.

use crate::bytes::{decimal, lines, number, words};

/// One array.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RaidArray {
    pub name: String,
    /// `raid1`, `raid5`, …; empty while the array is inactive.
    pub level: String,
    /// `active`, `inactive` or `read-only`.
    pub state: &'static str,
    /// Disks it should have; of an inactive array those that are there.
    pub disks: u64,
    /// Disks that work in it.
    pub disks_active: Option<u64>,
    pub disks_failed: u64,
    /// `resync`, `recovery`, `check`, `reshape` or `repair`.
    pub action: Option<&'static str>,
    /// How much of it is done, from 0 to 1; absent while it waits.
    pub action_done: Option<f64>,
}

const ACTIONS: [(&[u8], &str); 5] = [
    (b"resync", "resync"),
    (b"recovery", "recovery"),
    (b"check", "check"),
    (b"reshape", "reshape"),
    (b"repair", "repair"),
];

/// ```text
/// md0 : active raid1 sdb1[1] sda1[0](F)
///       1046528 blocks super 1.2 [2/1] [_U]
///       [==>..................]  recovery = 12.6% (132096/1046528) finish=0.5min speed=26419K/sec
/// ```
pub fn parse_mdstat(text: &[u8]) -> Vec<RaidArray> {
    let mut arrays: Vec<RaidArray> = Vec::new();
    let mut in_array = false;
    for line in lines(text) {
        if let Some(array) = parse_head(line) {
            arrays.push(array);
            in_array = true;
        } else if !line.first().is_some_and(u8::is_ascii_whitespace) {
            in_array = false;
        } else if let Some(array) = arrays.last_mut().filter(|_| in_array) {
            parse_detail(line, array);
        }
    }
    arrays
}

fn parse_head(line: &[u8]) -> Option<RaidArray> {
    let mut words = words(line);
    let name = words.next()?;
    if !name.starts_with(b"md") || words.next()? != b":" {
        return None;
    }
    let mut array = RaidArray { name: String::from_utf8_lossy(name).into_owned(), ..RaidArray::default() };
    array.state = if words.next()? == b"active" { "active" } else { "inactive" };
    for word in words {
        if matches!(word, b"(read-only)" | b"(auto-read-only)") {
            array.state = "read-only";
        } else if word.contains(&b'[') {
            array.disks += 1;
            array.disks_failed += u64::from(word.ends_with(b"(F)"));
        } else if array.level.is_empty() && array.state != "inactive" && !word.starts_with(b"(") {
            array.level = String::from_utf8_lossy(word).into_owned();
        }
    }
    Some(array)
}

fn parse_detail(line: &[u8], array: &mut RaidArray) {
    let mut words = words(line).peekable();
    while let Some(word) = words.next() {
        if let Some((wanted, active)) = disk_counts(word) {
            (array.disks, array.disks_active) = (wanted, Some(active));
            continue;
        }
        let mut parts = word.splitn(2, |byte| *byte == b'=');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next());
        let Some((_, action)) = ACTIONS.iter().find(|(name, _)| *name == key) else { continue };
        array.action = Some(action);
        // `recovery = 12.6%`, `resync=DELAYED`, `check =  0.1%`
        let percent = match value {
            Some(value) if !value.is_empty() => Some(value),
            Some(_) => words.peek().copied(),
            None => words.next().filter(|word| *word == b"=").and_then(|_| words.peek().copied()),
        };
        array.action_done = percent
            .and_then(|percent| decimal(percent.strip_suffix(b"%")?))
            .map(|percent| (percent / 100.0).clamp(0.0, 1.0));
    }
}

/// `[3/2]`: disks wanted and disks that work.
fn disk_counts(word: &[u8]) -> Option<(u64, u64)> {
    let inner = word.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let at = inner.iter().position(|byte| *byte == b'/')?;
    Some((number(inner.get(..at)?)?, number(inner.get(at + 1..)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_in_all_states() {
        let arrays = parse_mdstat(
            b"Personalities : [raid1] [raid6] [raid5] [raid4]\n\
              md0 : active raid1 sdb1[2] sda1[0](F)\n      1046528 blocks super 1.2 [2/1] [_U]\n      \
              [==>..................]  recovery = 12.6% (132096/1046528) finish=0.5min speed=26419K/sec\n      \
              bitmap: 0/1 pages [0KB], 65536KB chunk\n\n\
              md1 : active (auto-read-only) raid5 sdc1[0] sdd1[1] sde1[3] sdf1[4](S)\n      \
              2093056 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]\n      \tresync=PENDING\n\n\
              md2 : inactive sdg1[0](S)\n      1046528 blocks super 1.2\n\nunused devices: <none>\n\
                    [9/9] after the arrays\n",
        );
        assert_eq!(arrays.len(), 3);
        let md0 = RaidArray {
            name: "md0".into(),
            level: "raid1".into(),
            state: "active",
            disks: 2,
            disks_active: Some(1),
            disks_failed: 1,
            action: Some("recovery"),
            action_done: Some(0.126),
        };
        assert_eq!(arrays[0], md0);
        assert_eq!((arrays[1].level.as_str(), arrays[1].state), ("raid5", "read-only"));
        assert_eq!((arrays[1].disks, arrays[1].action, arrays[1].action_done), (3, Some("resync"), None));
        assert_eq!((arrays[2].state, arrays[2].level.as_str(), arrays[2].disks), ("inactive", "", 1));
        assert_eq!((arrays[2].disks_active, arrays[2].action), (None, None));
    }

    #[test]
    fn a_check_that_has_just_begun() {
        let arrays = parse_mdstat(b"md127 : active raid10 a[0] b[1]\n      [>....]  check =  0.1% (1/9)\n");
        assert_eq!((arrays[0].action, arrays[0].action_done), (Some("check"), Some(0.001)));
    }
}
