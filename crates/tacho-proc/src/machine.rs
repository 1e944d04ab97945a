//! What the machine is: CPU model, distribution, hypervisor.

use std::path::Path;

use crate::bytes::{key_and_rest, lines};
use crate::read_small;

/// What of `os-release` is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `PRETTY_NAME`, or `NAME` where there is none.
    pub name: Option<String>,
}

/// Name of the hypervisor or container technology.
pub type Virtualization = &'static str;

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"`
pub fn parse_os_release(text: &str) -> OsRelease {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
        let line = line.trim();
        let unquoted = ['"', '\''].iter().find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote));
        Some(unquoted.unwrap_or(line).replace("\\\"", "\"")).filter(|value| !value.is_empty())
    };
    OsRelease { name: value("PRETTY_NAME").or_else(|| value("NAME")) }
}

/// The first line of `/proc/cpuinfo` that names the CPU: `model name : AMD EPYC`. Architectures differ in what
/// they call it; some have no such line.
pub fn parse_cpu_model(text: &[u8]) -> Option<String> {
    const KEYS: [&[u8]; 6] = [b"model name", b"cpu model", b"Model", b"Hardware", b"cpu", b"machine"];
    KEYS.iter().find_map(|wanted| {
        let (_, value) =
            lines(text).filter_map(|line| key_and_rest(line, b':')).find(|(key, _)| key == wanted)?;
        Some(String::from_utf8_lossy(value).into_owned()).filter(|value| !value.is_empty())
    })
}

/// The container technology the agent runs in, or else the hypervisor below it; `none` on bare metal.
pub fn virtualization(proc_root: &Path, sys_root: &Path) -> Virtualization {
    container(proc_root).or_else(|| hypervisor(proc_root, sys_root)).unwrap_or("none")
}

fn container(proc_root: &Path) -> Option<Virtualization> {
    // What the container's manager tells its first process; readable to the same user.
    if let Ok(environment) = read_small(&proc_root.join("1/environ"))
        && let Some(name) = environment.split('\0').find_map(|variable| variable.strip_prefix("container="))
    {
        return Some(match name {
            "docker" => "docker",
            "podman" => "podman",
            "lxc" | "lxc-libvirt" => "lxc",
            "systemd-nspawn" => "systemd-nspawn",
            _ => "container",
        });
    }
    let cgroup = read_small(&proc_root.join("1/cgroup")).unwrap_or_default();
    let marks = [("docker", "docker"), ("kubepods", "kubernetes"), ("libpod", "podman"), ("/lxc", "lxc")];
    let marked = marks.iter().find(|(mark, _)| cgroup.contains(mark)).map(|(_, name)| *name);
    let wsl =
        || read_small(&proc_root.join("sys/kernel/osrelease")).is_ok_and(|text| text.contains("microsoft"));
    marked.or_else(|| wsl().then_some("wsl"))
}

fn hypervisor(proc_root: &Path, sys_root: &Path) -> Option<Virtualization> {
    // Product, vendor and firmware as the virtual hardware tells them; the first mark that is found wins.
    const MARKS: [(&str, &str); 14] = [
        ("KVM", "kvm"),
        ("OpenStack", "kvm"),
        ("Amazon EC2", "amazon"),
        ("Google Compute Engine", "google"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("innotek GmbH", "virtualbox"),
        ("VirtualBox", "virtualbox"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("Alibaba Cloud", "kvm"),
        ("Hyper-V", "hyperv"),
    ];
    let dmi = ["product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"]
        .map(|name| read_small(&sys_root.join("class/dmi/id").join(name)).unwrap_or_default());
    let [product, vendor, ..] = &dmi;
    if vendor == "Microsoft Corporation" && product == "Virtual Machine" {
        return Some("hyperv");
    }
    if let Some((_, name)) = MARKS.iter().find(|(mark, _)| dmi.iter().any(|text| text.contains(mark))) {
        // Bare-metal instances of a cloud carry its name without a hypervisor.
        return (*name != "amazon" || has_hypervisor_flag(proc_root)).then_some(*name);
    }
    if read_small(&sys_root.join("hypervisor/type")).is_ok_and(|text| text == "xen") {
        return Some("xen");
    }
    has_hypervisor_flag(proc_root).then_some("vm")
}

/// x86 CPUs say that a hypervisor runs them.
fn has_hypervisor_flag(proc_root: &Path) -> bool {
    let cpuinfo = read_small(&proc_root.join("cpuinfo")).unwrap_or_default();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split(' ').any(|flag| flag == "hypervisor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_and_cpu() {
        let name = |text| parse_os_release(text).name;
        assert_eq!(
            name("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n").as_deref(),
            Some("Debian GNU/Linux 12")
        );
        assert_eq!(name("NAME='Alpine Linux'\nPRETTY_NAMES=y").as_deref(), Some("Alpine Linux"));
        assert_eq!(name("PRETTY_NAME=\"\""), None);
        let model = |text: &str| parse_cpu_model(text.as_bytes());
        assert_eq!(model("processor\t: 0\nmodel name\t: AMD EPYC\n").as_deref(), Some("AMD EPYC"));
        assert_eq!(model("cpu\t\t: POWER9\nmachine\t: PowerNV\n").as_deref(), Some("POWER9"));
        assert_eq!(model("processor : 0\nBogoMIPS : 50\n"), None);
    }

    #[test]
    fn containers_before_hypervisors_before_bare_metal() {
        let root = tempfile::tempdir().unwrap();
        let (proc_root, sys_root) = (root.path().join("proc"), root.path().join("sys"));
        std::fs::create_dir_all(proc_root.join("1")).unwrap();
        std::fs::create_dir_all(sys_root.join("class/dmi/id")).unwrap();
        let now = || virtualization(&proc_root, &sys_root);
        assert_eq!(now(), "none");
        std::fs::write(proc_root.join("cpuinfo"), "flags\t\t: fpu hypervisor lm\n").unwrap();
        assert_eq!(now(), "vm");
        std::fs::write(sys_root.join("class/dmi/id/product_name"), "KVM Virtual Machine\n").unwrap();
        assert_eq!(now(), "kvm");
        std::fs::write(proc_root.join("1/cgroup"), "0::/system.slice/docker-1.scope\n").unwrap();
        assert_eq!(now(), "docker");
    }
}
