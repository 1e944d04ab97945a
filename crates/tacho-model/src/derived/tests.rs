use super::*;
use crate::tables::{filesystem, host, process};

#[test]
fn what_lacks_an_input_is_absent_and_the_rest_is_computed() {
    let mut block = Block::new(&filesystem::TABLE);
    block.push().integer(filesystem::USED_BYTES, 90).integer(filesystem::AVAILABLE_BYTES, 10);
    block.push().integer(filesystem::USED_BYTES, 90);
    assert_eq!(value(&block, 0, "used_ratio"), Some(0.9));
    assert_eq!(value(&block, 1, "used_ratio"), None);
    assert_eq!(value(&block, 1, "used_bytes"), Some(90.0));
    assert_eq!(value(&block, 0, "nonsense"), None);
}

#[test]
fn rates_are_over_the_rows_own_interval() {
    let mut block = Block::new(&process::TABLE);
    block.push().integer(process::CPU_USER_US, 3_000_000).integer(process::CPU_SYSTEM_US, 1_000_000);
    assert_eq!(value(&block, 0, "cpu_ratio"), None, "no interval");
    block.interval_ms = 2_000;
    assert_eq!(value(&block, 0, "cpu_ratio"), Some(2.0));
    let mut block = Block::new(&host::TABLE);
    block.interval_ms = 5_000;
    block.push().integer(host::NET_RX_BYTES, 1_000);
    assert_eq!(value(&block, 0, "net_rx_bytes_per_second"), Some(200.0));
}
