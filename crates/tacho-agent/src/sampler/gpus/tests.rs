use std::path::PathBuf;
use std::process::Command;

use tacho_model::tables;

use super::*;
use crate::sampler::PartsConfig;

/// NVML's functions as its documentation has them, with two cards, the second of which tells little.
const LIBRARY: &str = r#"
#include <string.h>
typedef struct { unsigned int gpu, memory; } rates;
typedef struct { unsigned long long total, free, used; } memory;
static int started, cards[2];
int nvmlInit_v2(void) { started = 1; return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return started ? 0 : 1; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &cards[index]; return index > 1; }
int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
    if (device == &cards[1]) return 3;
    strncpy(name, "NVIDIA \x1b" "A100", length);
    return 0;
}
int nvmlDeviceGetUtilizationRates(void *device, rates *used) { used->gpu = 37; return device == &cards[1] ? 3 : 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory *memory) {
    memory->total = 40ull << 30;
    memory->used = 3ull << 30;
    return 0;
}
int nvmlDeviceGetTemperature(void *device, unsigned int sensor, unsigned int *degrees) {
    *degrees = 61;
    return sensor != 0 || device == &cards[1];
}
int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
    *milliwatts = 71500;
    return device == &cards[1] ? 3 : 0;
}
"#;

struct Tree {
    root: tempfile::TempDir,
    config: SamplerConfig,
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name| root.path().join(name);
        let config = SamplerConfig {
            proc_root: at("proc"),
            sys_root: at("sys"),
            etc_root: at("etc"),
            process_rows: 10,
            idle_process_interval: Duration::from_secs(60),
            filesystem_interval: Duration::from_secs(60),
            boot_time_ms: 0,
            parts: PartsConfig {
                nvidia_library: at("libnvidia.so").into(),
                ..PartsConfig::below(root.path())
            },
        };
        Self { root, config }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn compile(&self, source: &str) {
        let source = self.write("library.c", source);
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-o"])
            .arg(self.root.path().join("libnvidia.so"))
            .arg(source)
            .status();
        assert!(made.unwrap().success());
    }
}

fn collect(gpus: &mut Gpus, seconds: u64) -> Block {
    let mut block = Block::new(&tables::gpu::TABLE);
    let tick = Tick { number: 1, now_us: seconds * 1_000_000, interval_us: Some(5_000_000) };
    gpus.collect(&tick, &mut Buffer::default(), &mut block);
    block
}

#[test]
fn no_card_is_absent_with_its_reason() {
    let mut gpus = Gpus::new(&Tree::new().config);
    assert_eq!(collect(&mut gpus, 100).len(), 0);
    assert_eq!(gpus.status.tell().absent, ["NVIDIA GPUs: no NVIDIA driver here", "AMD GPUs: none here"]);
}

#[test]
fn cards_of_amd() {
    let tree = Tree::new();
    for (name, text) in [
        ("card1/device/mem_info_vram_total", "17163091968\n"),
        ("card1/device/mem_info_vram_used", "1048576\n"),
        ("card1/device/gpu_busy_percent", "42\n"),
        ("card1/device/device", "0x73bf\n"),
        ("card1/device/hwmon/hwmon3/temp1_input", "55000\n"),
        ("card1/device/hwmon/hwmon3/power1_average", "31000000\n"),
        ("card0/device/vendor", "0x8086\n"),
        ("card1-DP-1/status", "connected\n"),
    ] {
        tree.write(&format!("sys/class/drm/{name}"), text);
    }
    let mut gpus = Gpus::new(&tree.config);
    let block = collect(&mut gpus, 100);
    assert_eq!((block.len(), block.integer(gpu::GPU, 0)), (1, Some(0)));
    assert_eq!(block.text(gpu::MODEL, 0), Some("AMD GPU 0x73bf"));
    assert_eq!(block.integer(gpu::MEMORY_TOTAL_BYTES, 0), Some(17_163_091_968));
    assert_eq!(block.integer(gpu::MEMORY_USED_BYTES, 0), Some(1 << 20));
    let floats = [gpu::USED_RATIO, gpu::TEMPERATURE_CELSIUS, gpu::POWER_WATTS];
    assert_eq!(floats.map(|column| block.float(column, 0)), [Some(0.42), Some(55.0), Some(31.0)]);
}

/// The library runs in another thread, which is waited for only so long; on a machine that is busy it may take
/// longer than that, and is asked again when its pause is over.
#[test]
fn cards_of_nvidia() {
    let tree = Tree::new();
    tree.compile(LIBRARY);
    tree.write("proc/driver/nvidia/version", "NVRM version\n");
    let nvidia = Nvidia::new(&tree.config.parts.nvidia_library);
    let readings = nvidia.read().unwrap();
    let first = GpuReading {
        model: "NVIDIA A100".to_owned(),
        used_ratio: Some(0.37),
        memory_total_bytes: Some(40 << 30),
        memory_used_bytes: Some(3 << 30),
        temperature_celsius: Some(61.0),
        power_watts: Some(71.5),
    };
    let second = GpuReading {
        model: "NVIDIA GPU".to_owned(),
        memory_total_bytes: Some(40 << 30),
        memory_used_bytes: Some(3 << 30),
        ..GpuReading::default()
    };
    assert_eq!(readings, [first, second]);
    let mut gpus = Gpus::new(&tree.config);
    let block = (0..100).map(|minute| collect(&mut gpus, minute * 100)).find(|block| block.len() == 2);
    assert_eq!(block.unwrap().float(gpu::POWER_WATTS, 0), Some(71.5));
    assert_eq!(gpus.status.tell().absent, ["AMD GPUs: none here"]);
}

#[test]
fn libraries_that_are_of_no_use_are_absent_with_their_reason() {
    let tree = Tree::new();
    let read = || Nvidia::new(&tree.config.parts.nvidia_library).read();
    assert_eq!(read(), Err("no NVIDIA library here"));
    tree.compile("int nvmlInit_v2(void) { return 0; }");
    assert_eq!(read(), Err("an NVIDIA library of an unknown version"));
    let refuses = LIBRARY.replace("started = 1; return 0;", "return 9;");
    std::fs::remove_file(tree.root.path().join("libnvidia.so")).unwrap();
    tree.compile(&refuses);
    assert_eq!(read(), Err("the NVIDIA library does not start"));
}
