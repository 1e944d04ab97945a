//! Why frames are missing.

/// Why an agent had to drop frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapReason {
    /// A newer agent's, which this version does not know.
    Unknown,
    /// More waited than the queue may hold.
    Space,
    /// They had waited longer than they are kept.
    Age,
    /// What the spool gave back was not what was written.
    Damage,
    /// The disk took no more, and memory was full.
    Disk,
}

impl GapReason {
    const ALL: [Self; 5] = [Self::Unknown, Self::Space, Self::Age, Self::Damage, Self::Disk];

    /// One word, as it is stored and as the API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Space => "space",
            Self::Age => "age",
            Self::Damage => "damage",
            Self::Disk => "disk",
        }
    }

    /// The reason that is written so; `Unknown` for any other word.
    pub fn of_text(text: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).unwrap_or(Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::GapReason;

    #[test]
    fn a_reason_survives_its_text() {
        for reason in GapReason::ALL {
            assert_eq!(GapReason::of_text(reason.as_str()), reason);
        }
        assert_eq!(GapReason::of_text("aliens"), GapReason::Unknown);
    }
}
