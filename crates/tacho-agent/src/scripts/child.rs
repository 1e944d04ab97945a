//! One run of a program: in a session of its own, with limits on time and output, and nothing left behind.
//!
//! At a limit the whole process group, and what left it but is still below the program, gets SIGTERM and after a
//! grace SIGKILL. When the program ends by itself, what is left of its group is killed at once; a descendant that
//! made a session of its own is a daemon then and beyond reach; what it prints is not waited for.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::Account;
use super::descendants::{Process, below};

/// A program that prints more is stopped.
pub(super) const MAX_OUTPUT_BYTES: u64 = 1 << 20;
/// Enough of standard error to say what went wrong.
const KEPT_ERROR_BYTES: usize = 4 << 10;
/// Time between SIGTERM and SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// How often what left the group is looked for and killed.
const KILL_ROUNDS: usize = 8;
/// How long output may still come after the program has ended and its group was killed.
const DRAIN_GRACE: Duration = Duration::from_secs(1);
const CHUNK_BYTES: usize = 8 << 10;
const ENVIRONMENT: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C")];

/// What to run and as whom.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) command: &'a [String],
    pub(super) timeout: Duration,
    pub(super) account: Option<Account>,
    pub(super) nice: i32,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Exited(ExitStatus),
    TimedOut,
    PrintedTooMuch,
    /// The agent stops.
    Stopped,
}

/// A run that is over.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) end: End,
    pub(super) duration: Duration,
    pub(super) output: Vec<u8>,
    pub(super) output_bytes: u64,
    /// The beginning of standard error.
    pub(super) errors: Vec<u8>,
}

/// Runs it to its end, whatever that is. An error means that it was not started.
pub(super) async fn run(launch: &Launch<'_>, stop: &CancellationToken) -> io::Result<Run> {
    let started = Instant::now();
    let mut child = command(launch)?.spawn()?;
    let mut group = Group::of(&child);
    let mut output = Kept::new(child.stdout.take(), MAX_OUTPUT_BYTES as usize);
    let mut errors = Kept::new(child.stderr.take(), KEPT_ERROR_BYTES);
    let end = {
        let mut printed = pin!(async { tokio::try_join!(output.read(), errors.read()).map(drop) });
        let mut closed = false;
        let end = loop {
            tokio::select! {
                read = &mut printed, if !closed => match read {
                    Ok(()) => closed = true,
                    Err(TooMuch) => break End::PrintedTooMuch,
                },
                status = child.wait() => break End::Exited(status?),
                () = tokio::time::sleep_until(started + launch.timeout) => break End::TimedOut,
                () = stop.cancelled() => break End::Stopped,
            }
        };
        match end {
            End::Exited(status) => {
                group.signal(libc::SIGKILL);
                let rest = async { if closed { Ok(()) } else { printed.await } };
                match tokio::time::timeout(DRAIN_GRACE, rest).await {
                    Ok(Err(TooMuch)) => End::PrintedTooMuch,
                    _ => End::Exited(status),
                }
            }
            end => {
                end_group(&group, &mut child).await?;
                end
            }
        }
    };
    group.over = true;
    let duration = started.elapsed();
    Ok(Run { end, duration, output: output.bytes, output_bytes: output.total, errors: errors.bytes })
}

async fn end_group(group: &Group, child: &mut Child) -> io::Result<()> {
    let id = group.id.and_then(|id| u32::try_from(id).ok());
    let below_it = descendants(id, Vec::new()).await;
    group.signal(libc::SIGTERM);
    below_it.iter().for_each(|process| process.signal(libc::SIGTERM));
    let ended = tokio::time::timeout(KILL_GRACE, child.wait()).await;
    // Its number may be another process's once it was waited for.
    let id = id.filter(|_| ended.is_err());
    let mut below_it = descendants(id, below_it).await;
    group.signal(libc::SIGKILL);
    // What starts others faster than it is found has them found in the next round.
    for _ in 0..KILL_ROUNDS {
        if below_it.is_empty() {
            break;
        }
        below_it.iter().for_each(|process| process.signal(libc::SIGKILL));
        below_it = descendants(id, below_it).await;
    }
    match ended {
        Ok(status) => status.map(drop),
        Err(_) => child.wait().await.map(drop),
    }
}

/// What is below the program, or below `known`; what can not be looked at is known already.
async fn descendants(child: Option<u32>, known: Vec<Process>) -> Vec<Process> {
    let (looking, before) = (known.clone(), known);
    let found = tokio::task::spawn_blocking(move || below(child, &looking)).await;
    found.ok().and_then(Result::ok).unwrap_or(before)
}

#[expect(unsafe_code, reason = "session, groups and priority are set between fork and exec")]
fn command(launch: &Launch<'_>) -> io::Result<Command> {
    let (program, arguments) =
        launch.command.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let (account, nice) = (launch.account.clone(), launch.nice);
    // SAFETY: the closure only makes system calls on memory that was allocated before the fork.
    unsafe { command.pre_exec(move || become_script(account.as_ref(), nice)) };
    Ok(command)
}

/// In the child before exec: only async-signal-safe calls. The order matters, as each step needs rights that
/// the change of user takes away; that change also clears the wish to die with the agent.
#[expect(unsafe_code, reason = "calls of libc")]
fn become_script(account: Option<&Account>, nice: i32) -> io::Result<()> {
    let check = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    // SAFETY: none of these takes a pointer but setgroups, whose array lives across the call.
    unsafe {
        if libc::setsid() < 0 {
            return Err(io::Error::last_os_error());
        }
        if nice != 0 {
            check(libc::setpriority(libc::PRIO_PROCESS, 0, nice))?;
        }
        if let Some(account) = account {
            check(libc::setgroups(account.groups.len(), account.groups.as_ptr()))?;
            check(libc::setgid(account.group_id))?;
            check(libc::setuid(account.user_id))?;
        }
        // The agent's rights are for what it reads itself. Linux 4.3; what does not know them gives none.
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        // Were the agent killed outright, nobody would keep the script's time limit.
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))
    }
}

/// The process group of a run. It is killed when the run is dropped before its end.
struct Group {
    id: Option<libc::pid_t>,
    over: bool,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self { id: child.id().and_then(|id| libc::pid_t::try_from(id).ok()), over: false }
    }

    /// A group without members is gone, which is no error. Its number is not given to another process while it
    /// has members; when the last has just ended, a reuse would need the kernel's whole range of pids to pass
    /// in between.
    #[expect(unsafe_code, reason = "the standard library signals no groups")]
    fn signal(&self, signal: libc::c_int) {
        if let Some(id) = self.id.filter(|id| *id > 1) {
            // SAFETY: no pointers. The number is above 1, so it is neither our group nor every process.
            unsafe { libc::kill(-id, signal) };
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.signal(libc::SIGKILL);
        }
    }
}

/// A pipe's content, of which a part is kept.
struct Kept<P> {
    pipe: Option<P>,
    keep: usize,
    bytes: Vec<u8>,
    total: u64,
}

/// More than [`MAX_OUTPUT_BYTES`] came.
struct TooMuch;

impl<P: AsyncRead + Unpin> Kept<P> {
    fn new(pipe: Option<P>, keep: usize) -> Self {
        Self { pipe, keep, bytes: Vec::new(), total: 0 }
    }

    /// Reads to the end. A pipe that can not be read has ended.
    async fn read(&mut self) -> Result<(), TooMuch> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let read = pipe.read(&mut chunk).await.unwrap_or(0);
            let Some(new) = chunk.get(..read).filter(|new| !new.is_empty()) else { return Ok(()) };
            let room = self.keep.saturating_sub(self.bytes.len()).min(read);
            self.bytes.extend_from_slice(new.get(..room).unwrap_or_default());
            self.total = self.total.saturating_add(read as u64);
            if self.total > MAX_OUTPUT_BYTES {
                return Err(TooMuch);
            }
        }
    }
}
