//! `/proc/PID/cgroup`, and what a control group's path says about unit and container.

use crate::bytes::lines;

/// Endings of systemd units that run processes.
const UNIT_SUFFIXES: [&str; 6] = [".service", ".scope", ".mount", ".socket", ".swap", ".timer"];

/// Length of a container id in full, and as people know it.
const CONTAINER_ID_LENGTH: usize = 64;
const SHORT_ID_LENGTH: usize = 12;

/// The process's path in systemd's hierarchy of version 1, or where there is none or it says only `/`, in the
/// version 2 hierarchy. Empty when there is neither. Where both are, containers are moved in version 1 only and
/// stay with their daemon's service in the other.
///
/// `0::/system.slice/ssh.service`, `1:name=systemd:/user.slice/user-0.slice/session-3.scope`
pub fn parse_cgroup(text: &[u8]) -> &[u8] {
    let (mut unified, mut systemd): (&[u8], &[u8]) = (b"", b"");
    for line in lines(text) {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        match (fields.next(), fields.next(), fields.next()) {
            (Some(b"0"), Some(b""), Some(path)) => unified = path,
            (Some(_), Some(b"name=systemd"), Some(path)) => systemd = path,
            _ => {}
        }
    }
    if systemd.len() > 1 || unified.is_empty() { systemd } else { unified }
}

/// The innermost systemd unit in a control group's path, or nothing.
pub fn unit_of(cgroup: &str) -> &str {
    let is_unit =
        |part: &&str| UNIT_SUFFIXES.iter().any(|suffix| part.len() > suffix.len() && part.ends_with(suffix));
    cgroup.rsplit('/').find(is_unit).unwrap_or("")
}

/// The first twelve digits of the innermost container id in a control group's path, or nothing. Docker,
/// containerd, CRI-O, Podman and Kubernetes all name a group after the id, with or without words around it.
pub fn container_of(cgroup: &str) -> &str {
    cgroup.rsplit('/').find_map(container_in).unwrap_or("")
}

fn container_in(part: &str) -> Option<&str> {
    let is_id = |run: &&str| {
        run.len() == CONTAINER_ID_LENGTH && run.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    part.split(['-', '.', ':', '_']).find(is_id)?.get(..SHORT_ID_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn systemd_first_and_version_2_where_it_says_nothing() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse_cgroup(text.as_bytes()), expected.as_bytes(), "{text}")
        };
        check("0::/system.slice/ssh.service\n", "/system.slice/ssh.service");
        check("4:memory:/a\n1:name=systemd:/docker/x:y\n0::/\n", "/docker/x:y");
        check("0::/\n", "/");
        check("1:name=systemd:/docker/x\n0::/system.slice/containerd.service\n", "/docker/x");
        check("1:name=systemd:/\n0::/system.slice/ssh.service\n", "/system.slice/ssh.service");
        check("1:cpu:/a\n", "");
        check("garbage", "");
    }

    #[test]
    fn units_and_containers() {
        let check = |path: &str, unit: &str, container: &str| {
            assert_eq!((unit_of(path), container_of(path)), (unit, container), "{path}");
        };
        check("/system.slice/ssh.service", "ssh.service", "");
        check("/user.slice/user-0.slice/user@0.service/app.slice/app-x.scope", "app-x.scope", "");
        check("/user.slice/user-0.slice", "", "");
        check("/.service", "", "");
        let docker = format!("/system.slice/docker-{ID}.scope");
        check(&docker, &format!("docker-{ID}.scope"), "0123456789ab");
        check(&format!("/docker/{ID}"), "", "0123456789ab");
        check(
            &format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope/x"),
            &format!("cri-containerd-{ID}.scope"),
            "0123456789ab",
        );
        check(&format!("/docker/{ID}0"), "", "");
    }
}
