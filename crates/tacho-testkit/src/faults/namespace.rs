//! A network of its own for a few processes: a thread that lives in it, starts them there and speaks with
//! them. It goes with its value, and takes with it whatever it started.

use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};

/// Work for the thread of a namespace.
type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with nothing but a loopback device.
#[derive(Debug)]
pub struct Namespace {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes one. Takes the right to (`CAP_SYS_ADMIN`) and the program `ip`.
    pub fn new() -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (entered, answer) = mpsc::channel();
        let thread = std::thread::Builder::new().name("namespace".to_owned()).spawn(move || {
            let left = leave_network();
            let failed = left.is_err();
            if entered.send(left).is_err() || failed {
                return;
            }
            for job in queue {
                job();
            }
        })?;
        let namespace = Self { jobs: Some(jobs), thread: Some(thread) };
        let entered = answer.recv().context("the namespace's thread ended")?;
        entered.context("cannot make a network namespace; this takes root (CAP_SYS_ADMIN)")?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Runs `job` in there and waits for its result.
    ///
    /// # Panics
    /// When `job` does.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::sync_channel(1);
        let job: Job = Box::new(move || drop(sender.send(job())));
        let jobs = self.jobs.as_ref().expect("only taken when dropped");
        jobs.send(job).expect("the thread ends after this sender");
        receiver.recv().expect("the job panicked")
    }

    /// Runs `ip` in there.
    pub fn ip(&self, arguments: &str) -> anyhow::Result<()> {
        let words: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let output = self
            .run(move || Command::new("ip").args(words).stdin(Stdio::null()).output())
            .context("the program ip does not run (Debian: apt-get install iproute2)")?;
        ensure!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Gives it an address on a device that was made in it.
    pub fn configure(&self, device: &str, address: Ipv4Addr) -> anyhow::Result<()> {
        self.ip(&format!("addr add {address}/24 dev {device}"))?;
        self.ip(&format!("link set {device} up"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A job that panicked has told so where its result was awaited.
            drop(thread.join());
        }
    }
}

/// Has the kernel end `command` when the thread that starts it ends, in whatever way.
pub fn ends_with_its_starter(command: &mut Command) -> &mut Command {
    #[expect(unsafe_code, reason = "the request has to be made between fork and exec")]
    // SAFETY: after the fork only a system call is made.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

#[expect(unsafe_code, reason = "the standard library has no namespaces")]
fn leave_network() -> io::Result<()> {
    // SAFETY: no pointers; this thread alone gets another network.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the calling thread, and what it starts from now on, mounts of its own: nobody else sees what is
/// mounted, and it goes when the last of them ends.
pub fn leave_mounts() -> anyhow::Result<()> {
    #[expect(unsafe_code, reason = "the standard library has no namespaces")]
    // SAFETY: no pointers; this thread alone gets other mounts.
    let left = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    ensure!(
        left == 0,
        "cannot make a mount namespace; this takes root (CAP_SYS_ADMIN): {}",
        io::Error::last_os_error()
    );
    mount(&["--make-rprivate", "/"])
}

/// Runs `mount`.
pub fn mount(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("mount").args(arguments).output().context("the program mount does not run")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mount {}: {}", arguments.join(" "), text.trim());
    Ok(())
}
