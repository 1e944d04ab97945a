//! `/proc/net/rpc/nfs` and `/proc/net/rpc/nfsd`: calls of the NFS client and server.

use crate::bytes::{lines, number, words};

/// Calls since boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RpcCalls {
    pub calls: u64,
    /// Of the client: calls made again. Of the server: calls that were refused.
    pub second: Option<u64>,
}

/// `rpc 1234 5 1240`
pub fn parse_rpc(text: &[u8]) -> Option<RpcCalls> {
    lines(text).find_map(|line| {
        let mut words = words(line);
        let calls = (words.next() == Some(b"rpc")).then(|| number(words.next()?)).flatten()?;
        Some(RpcCalls { calls, second: words.next().and_then(number) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_server() {
        assert_eq!(parse_rpc(b"net 0 0 0 0\nrpc 12 3 12\n"), Some(RpcCalls { calls: 12, second: Some(3) }));
        assert_eq!(parse_rpc(b"rc 0 1 2\nrpc 7\n"), Some(RpcCalls { calls: 7, second: None }));
        assert_eq!(parse_rpc(b"rpc\nrpc x\n"), None);
    }
}
