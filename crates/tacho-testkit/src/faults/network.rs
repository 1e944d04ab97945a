//! The cable between namespaces, in this program: every packet passes through it, and it drops, delays and
//! holds back as told. So it takes no kernel module, goes with its value, and its dice fall by a seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::namespace::Namespace;
use crate::random::Random;

const DEVICE: &str = "tacho0";
/// Larger than any packet: the device's MTU is 1500.
const LARGEST_PACKET: usize = 2048;
/// Bytes that wait for a slow direction; what comes on top is dropped, as a router does.
const HELD_BACK_BYTES: u64 = 256 << 10;
/// Where the destination stands in an IPv4 header.
const DESTINATION: std::ops::Range<usize> = 16..20;

/// How packets fare in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Condition {
    /// None pass.
    pub cut: bool,
    /// From 0 to 1.
    pub loss_ratio: f64,
    pub delay: Duration,
    /// `None`: no limit.
    pub bytes_per_second: Option<u64>,
}

/// What became of all packets so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets {
    pub passed: u64,
    pub dropped: u64,
    pub held_back: u64,
}

/// Namespaces joined by cables.
#[derive(Debug)]
pub struct Network {
    places: Vec<Namespace>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    devices: Vec<File>,
    state: Mutex<State>,
    due: Condvar,
}

#[derive(Debug)]
struct State {
    conditions: HashMap<(usize, usize), Condition>,
    /// When the direction will have passed what it holds back.
    free_at: HashMap<(usize, usize), Instant>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    random: Random,
    packets: Packets,
    ended: bool,
}

/// Ordered by time, then by arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    number: u64,
    to: usize,
    packet: Vec<u8>,
}

impl Network {
    /// Makes `places` namespaces that reach each other.
    pub fn new(places: usize, seed: u64) -> anyhow::Result<Self> {
        let places: Vec<Namespace> = (0..places).map(|_| Namespace::new()).collect::<anyhow::Result<_>>()?;
        let mut devices = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let device = place
                .run(open_device)
                .context("cannot make a network device; this takes root (CAP_NET_ADMIN) and /dev/net/tun")?;
            place.configure(DEVICE, address(index))?;
            devices.push(device);
        }
        let state = State {
            conditions: HashMap::new(),
            free_at: HashMap::new(),
            waiting: BinaryHeap::new(),
            random: Random::new(seed),
            packets: Packets::default(),
            ended: false,
        };
        let shared = Arc::new(Shared { devices, state: Mutex::new(state), due: Condvar::new() });
        let mut threads = Vec::new();
        for from in 0..places.len() {
            let shared = Arc::clone(&shared);
            threads.push(
                std::thread::Builder::new().name("cable in".to_owned()).spawn(move || shared.read(from))?,
            );
        }
        let writer = Arc::clone(&shared);
        threads.push(std::thread::Builder::new().name("cable out".to_owned()).spawn(move || writer.write())?);
        Ok(Self { places, shared, threads })
    }

    /// A namespace by its number.
    pub fn place(&self, index: usize) -> &Namespace {
        self.places.get(index).expect("only places that were made have a number")
    }

    /// How packets fare from now on, from one place to another; where nothing is said, well.
    pub fn set_conditions(&self, conditions: HashMap<(usize, usize), Condition>) {
        self.shared.lock().conditions = conditions;
    }

    pub fn packets(&self) -> Packets {
        self.shared.lock().packets
    }
}

/// Address of a place.
pub fn address(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(index + 1).unwrap_or(u8::MAX))
}

fn place_of(packet: &[u8]) -> Option<usize> {
    let bytes: [u8; 4] = packet.get(DESTINATION)?.try_into().ok()?;
    let is_version_4 = packet.first()? >> 4 == 4;
    let [10, 77, 0, number] = bytes else { return None };
    if is_version_4 { usize::from(number).checked_sub(1) } else { None }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what comes out of one device, until the device is gone.
    fn read(&self, from: usize) {
        let Some(mut device) = self.devices.get(from) else { return };
        let mut buffer = [0; LARGEST_PACKET];
        while let Ok(length @ 1..) = device.read(&mut buffer) {
            let packet = buffer.get(..length).unwrap_or_default();
            let Some(to) = place_of(packet).filter(|to| *to < self.devices.len()) else { continue };
            if self.lock().take(from, to, packet, Instant::now()) {
                self.due.notify_one();
            }
        }
    }

    /// Puts packets into their devices when they are due.
    fn write(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = Instant::now();
            let wait = state.waiting.peek().map(|Reverse(next)| next.due.saturating_duration_since(now));
            state = match wait {
                Some(Duration::ZERO) => {
                    let Some(Reverse(next)) = state.waiting.pop() else { continue };
                    drop(state);
                    if let Some(mut device) = self.devices.get(next.to) {
                        // A device that takes nothing is a cable that loses it.
                        drop(device.write(&next.packet));
                    }
                    self.lock()
                }
                Some(wait) => self.due.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.due.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl State {
    /// Lets a packet wait for its time, or drops it (`false`).
    fn take(&mut self, from: usize, to: usize, packet: &[u8], now: Instant) -> bool {
        let condition = self.conditions.get(&(from, to)).copied().unwrap_or_default();
        let length = packet.len() as u64;
        if condition.cut || (condition.loss_ratio > 0.0 && self.random.ratio() < condition.loss_ratio) {
            self.packets.dropped += 1;
            return false;
        }
        let mut due = now + condition.delay;
        if let Some(rate) = condition.bytes_per_second {
            let free_at = self.free_at.get(&(from, to)).copied().unwrap_or(now).max(now);
            if free_at - now > seconds(HELD_BACK_BYTES, rate) {
                self.packets.dropped += 1;
                return false;
            }
            let free_at = free_at + seconds(length, rate);
            self.free_at.insert((from, to), free_at);
            due = due.max(free_at);
        }
        self.packets.passed += 1;
        self.packets.held_back += u64::from(due > now);
        let number = self.packets.passed;
        self.waiting.push(Reverse(Waiting { due, number, to, packet: packet.to_vec() }));
        true
    }
}

/// How long `bytes` take at `rate` bytes per second.
fn seconds(bytes: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64)
}

fn open_device() -> io::Result<File> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    #[expect(unsafe_code, reason = "the standard library has no network devices")]
    // SAFETY: all bytes zero is an `ifreq`; the kernel reads it and writes the name back into it.
    let made = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(DEVICE.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request)
    };
    if made == 0 { Ok(device) } else { Err(io::Error::last_os_error()) }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.due.notify_all();
        for place in &self.places {
            // Ends the reading of the device. Where it fails the device is gone already.
            drop(place.ip(&format!("link delete {DEVICE}")));
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            conditions: HashMap::new(),
            free_at: HashMap::new(),
            waiting: BinaryHeap::new(),
            random: Random::new(1),
            packets: Packets::default(),
            ended: false,
        }
    }

    #[test]
    fn packets_go_where_their_header_says() {
        let mut packet = vec![0x45; 20];
        packet.splice(DESTINATION, [10, 77, 0, 3]);
        assert_eq!(place_of(&packet), Some(2));
        for wrong in [[10, 77, 0, 0], [10, 77, 1, 3], [224, 0, 0, 1]] {
            packet.splice(DESTINATION, wrong);
            assert_eq!(place_of(&packet), None);
        }
        assert_eq!(place_of(&[0x45; 3]), None);
        assert_eq!(place_of(&[]), None);
    }

    #[test]
    fn conditions_cut_lose_delay_and_hold_back_one_direction_only() {
        let mut state = state();
        let now = Instant::now();
        let cut = Condition { cut: true, ..Condition::default() };
        let lossy = Condition { loss_ratio: 0.3, ..Condition::default() };
        let slow = Condition { bytes_per_second: Some(1000), ..Condition::default() };
        state.conditions = HashMap::from([((0, 1), cut), ((0, 2), lossy), ((0, 3), slow)]);
        assert!(!state.take(0, 1, &[0; 100], now));
        assert!(state.take(1, 0, &[0; 100], now));
        let passed = (0..10_000).filter(|_| state.take(0, 2, &[0; 100], now)).count();
        assert!((6_800..7_200).contains(&passed), "{passed}");
        state.waiting.clear();
        assert!(state.take(0, 3, &[0; 500], now) && state.take(0, 3, &[0; 500], now));
        let due: Vec<_> =
            state.waiting.into_sorted_vec().into_iter().rev().map(|next| next.0.due - now).collect();
        assert_eq!(due, [Duration::from_millis(500), Duration::from_secs(1)]);
    }

    #[test]
    fn a_slow_direction_holds_back_only_so_much() {
        let mut state = state();
        let now = Instant::now();
        let slow = Condition { bytes_per_second: Some(1000), ..Condition::default() };
        state.conditions = HashMap::from([((0, 1), slow)]);
        let taken = (0..1000).filter(|_| state.take(0, 1, &[0; 1000], now)).count() as u64;
        assert_eq!(taken, HELD_BACK_BYTES / 1000 + 1);
    }
}
