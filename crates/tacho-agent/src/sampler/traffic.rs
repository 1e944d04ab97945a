//! Bytes on the network, of a process or of a connection.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) rx_bytes: u64,
    pub(super) tx_bytes: u64,
}

impl Traffic {
    pub(super) fn total_bytes(self) -> u64 {
        self.rx_bytes.saturating_add(self.tx_bytes)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.rx_bytes = self.rx_bytes.saturating_add(other.rx_bytes);
        self.tx_bytes = self.tx_bytes.saturating_add(other.tx_bytes);
    }

    /// `None` when either counter went back: then it is another connection's.
    pub(super) fn since(self, before: Self) -> Option<Self> {
        Some(Self {
            rx_bytes: self.rx_bytes.checked_sub(before.rx_bytes)?,
            tx_bytes: self.tx_bytes.checked_sub(before.tx_bytes)?,
        })
    }

    pub(super) fn larger(self, other: Self) -> Self {
        Self { rx_bytes: self.rx_bytes.max(other.rx_bytes), tx_bytes: self.tx_bytes.max(other.tx_bytes) }
    }

    /// What a process added to its counters; they start anew when another of its threads takes it over by exec.
    pub(super) fn grown(now: Option<Self>, before: Option<Self>) -> Option<Self> {
        let (now, before) = (now?, before?);
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Some(Self {
            rx_bytes: since(now.rx_bytes, before.rx_bytes),
            tx_bytes: since(now.tx_bytes, before.tx_bytes),
        })
    }
}
