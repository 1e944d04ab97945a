//! NVIDIA cards: the management library that comes with the driver, loaded when it is there.
//!
//! The functions and structures are those of NVML's public interface, whose names carry a version and keep
//! their meaning. Nothing is set, only read.

#![expect(unsafe_code, reason = "functions of a C library that is found at run time")]

use std::ffi::{OsStr, OsString, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use libloading::Library;
use tacho_proc::printable;

use super::GpuReading;

/// All readings, or why there are none.
pub(super) type NvidiaAnswer = Result<Vec<GpuReading>, &'static str>;

/// Cards at most.
const MAX_CARDS: u32 = 64;

/// `NVML_DEVICE_NAME_V2_BUFFER_SIZE`.
const NAME_BYTES: usize = 96;

/// `NVML_TEMPERATURE_GPU`.
const GPU_SENSOR: c_uint = 0;

type Handle = *mut c_void;

#[repr(C)]
#[derive(Default)]
struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[repr(C)]
#[derive(Default)]
struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

/// The library, opened at the first reading.
#[derive(Debug)]
pub(super) struct Nvidia {
    library: OsString,
    opened: OnceLock<Result<Functions, &'static str>>,
}

#[derive(Debug)]
struct Functions {
    count: unsafe extern "C" fn(*mut c_uint) -> c_int,
    handle: unsafe extern "C" fn(c_uint, *mut Handle) -> c_int,
    name: unsafe extern "C" fn(Handle, *mut c_char, c_uint) -> c_int,
    utilization: unsafe extern "C" fn(Handle, *mut Utilization) -> c_int,
    memory: unsafe extern "C" fn(Handle, *mut Memory) -> c_int,
    temperature: unsafe extern "C" fn(Handle, c_uint, *mut c_uint) -> c_int,
    power: unsafe extern "C" fn(Handle, *mut c_uint) -> c_int,
    /// Holds the code that the functions are in.
    _library: Library,
}

impl Nvidia {
    /// `library` is a name that the system's loader finds, or a path.
    pub(super) fn new(library: &OsStr) -> Self {
        Self { library: library.to_owned(), opened: OnceLock::new() }
    }

    /// Blocks for as long as the driver does.
    pub(super) fn read(&self) -> NvidiaAnswer {
        let opened = self.opened.get_or_init(|| Functions::open(&self.library));
        opened.as_ref().map_err(|reason| *reason)?.read()
    }
}

impl Functions {
    fn open(library: &OsStr) -> Result<Self, &'static str> {
        // SAFETY: the driver's own library, from where the system keeps its libraries; its initialisers are
        // made to be run by any program.
        let library = unsafe { Library::new(library) }.map_err(|_| "no NVIDIA library here")?;
        // SAFETY: the types are those that NVML documents for these names.
        let functions =
            unsafe { Self::find(library) }.map_err(|_| "an NVIDIA library of an unknown version")?;
        functions.ok_or("the NVIDIA library does not start")
    }

    /// Finds and starts; `None` when the library says that it can not.
    ///
    /// # Safety
    /// The functions of `library` have the types that NVML documents.
    unsafe fn find(library: Library) -> Result<Option<Self>, libloading::Error> {
        // SAFETY: what the caller promises; the functions do not outlive the library they are kept with.
        unsafe {
            let init: unsafe extern "C" fn() -> c_int = *library.get(b"nvmlInit_v2\0")?;
            let functions = Self {
                count: *library.get(b"nvmlDeviceGetCount_v2\0")?,
                handle: *library.get(b"nvmlDeviceGetHandleByIndex_v2\0")?,
                name: *library.get(b"nvmlDeviceGetName\0")?,
                utilization: *library.get(b"nvmlDeviceGetUtilizationRates\0")?,
                memory: *library.get(b"nvmlDeviceGetMemoryInfo\0")?,
                temperature: *library.get(b"nvmlDeviceGetTemperature\0")?,
                power: *library.get(b"nvmlDeviceGetPowerUsage\0")?,
                _library: library,
            };
            Ok((init() == 0).then_some(functions))
        }
    }

    fn read(&self) -> NvidiaAnswer {
        let mut count = 0;
        // SAFETY: the library writes one number to a place that lives across the call.
        if unsafe { (self.count)(&raw mut count) } != 0 {
            return Err("the NVIDIA driver does not tell its devices");
        }
        Ok((0..count.min(MAX_CARDS)).map(|index| self.read_card(index).unwrap_or_default()).collect())
    }

    /// What the card does not support is absent.
    fn read_card(&self, index: u32) -> Option<GpuReading> {
        let mut handle: Handle = std::ptr::null_mut();
        // SAFETY: the library writes one pointer to a place that lives across the call.
        if unsafe { (self.handle)(index, &raw mut handle) } != 0 {
            return None;
        }
        let (mut used, mut memory) = (Utilization::default(), Memory::default());
        let (mut degrees, mut milliwatts) = (0, 0);
        // SAFETY: the handle is the library's own; each call writes one value of its documented type to a
        // place that lives across the call.
        let [has_used, has_memory, has_degrees, has_power] = unsafe {
            [
                (self.utilization)(handle, &raw mut used) == 0,
                (self.memory)(handle, &raw mut memory) == 0,
                (self.temperature)(handle, GPU_SENSOR, &raw mut degrees) == 0,
                (self.power)(handle, &raw mut milliwatts) == 0,
            ]
        };
        Some(GpuReading {
            model: self.name(handle),
            used_ratio: has_used.then(|| f64::from(used.gpu.min(100)) / 100.0),
            memory_total_bytes: has_memory.then_some(memory.total),
            memory_used_bytes: has_memory.then_some(memory.used),
            temperature_celsius: has_degrees.then_some(f64::from(degrees)),
            power_watts: has_power.then(|| f64::from(milliwatts) / 1000.0),
        })
    }

    fn name(&self, handle: Handle) -> String {
        let mut name = [0u8; NAME_BYTES];
        // SAFETY: the library writes at most as many bytes as it is told there are.
        let result = unsafe { (self.name)(handle, name.as_mut_ptr().cast(), NAME_BYTES as c_uint) };
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        if result == 0 { printable(name.get(..end).unwrap_or_default()) } else { "NVIDIA GPU".to_owned() }
    }
}
