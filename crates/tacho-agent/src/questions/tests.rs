use std::fs::File;
use std::os::fd::AsRawFd as _;

use tacho_proc::{clock_ticks_per_second, parse_process_stat};
use tacho_wire::v1::OpenFile;

use super::*;

/// Nothing here is about how long things take, on whatever machine.
const AN_HOUR: Duration = Duration::from_secs(3600);
const PATIENT: Times = Times { wait: AN_HOUR, reading: AN_HOUR, longest_reading: AN_HOUR };

/// Of a boot at the epoch.
fn desk(open_files: bool) -> Desk {
    Desk::new(QuestionSettings { open_files }, PathBuf::from("/proc"), 0, PATIENT)
}

/// When a process started, of a boot at the epoch.
fn start_time_ms(pid: u32) -> i64 {
    let text = std::fs::read(format!("/proc/{pid}/stat")).unwrap();
    let ticks = parse_process_stat(&text).unwrap().start;
    (ticks * 1000 / clock_ticks_per_second()).try_into().unwrap()
}

fn about(pid: u32, start_time_ms: i64) -> Question {
    let question = OpenFilesQuestion { pid: pid.into(), start_time_ms };
    Question { id: 7, asker: "ann".to_owned(), question: Some(question::Question::OpenFiles(question)) }
}

fn refused(answer: &Answer) -> Refusal {
    match answer.answer {
        Some(answer::Answer::Refused(refusal)) => refusal.try_into().unwrap(),
        ref other => panic!("{other:?}"),
    }
}

fn files(answer: Answer) -> Vec<OpenFile> {
    match answer.answer {
        Some(answer::Answer::OpenFiles(files)) => files.files,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_process_is_known_by_pid_and_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a\nb");
    let file = File::create(&path).unwrap();
    let (desk, pid) = (desk(true), std::process::id());
    let start_ms = start_time_ms(pid);
    let answer = desk.answer(about(pid, start_ms), 0).await;
    assert_eq!(answer.id, 7);
    let number = u32::try_from(file.as_raw_fd()).unwrap();
    let found = files(answer).into_iter().find(|one| one.number == number).unwrap();
    assert_eq!(found.name, format!(r"{}/a\nb", directory.path().display()));
    for (pid, start_ms) in [(pid, start_ms + 10), (pid, start_ms - 10), (0, start_ms), (u32::MAX, start_ms)] {
        assert_eq!(refused(&desk.answer(about(pid, start_ms), 0).await), Refusal::Gone, "{pid} {start_ms}");
    }
}

/// The server cannot widen an agent: what the settings refuse, and what this version does not know, is not done.
#[tokio::test]
async fn the_server_cannot_widen_an_agent() {
    let pid = std::process::id();
    let not_allowed = desk(false).answer(about(pid, start_time_ms(pid)), 0).await;
    assert_eq!(refused(&not_allowed), Refusal::NotAllowed);
    let unknown = Question { id: 9, ..Question::default() };
    let answer = desk(true).answer(unknown, 0).await;
    assert_eq!((answer.id, refused(&answer)), (9, Refusal::NotSupported));
    assert_eq!(Desk::known(), [1], "every kind is here on purpose: docs/questions.md names them all");
}

#[tokio::test]
async fn too_many_questions_are_refused() {
    let (desk, pid) = (desk(true), std::process::id());
    let start_ms = start_time_ms(pid);
    for _ in 0..10 {
        files(desk.answer(about(pid, start_ms), 0).await);
    }
    assert_eq!(refused(&desk.answer(about(pid, start_ms), 0).await), Refusal::TooMany);
}

/// A reading that the kernel does not let go keeps its place; others hear so in time.
#[tokio::test]
async fn a_reading_that_hangs_holds_up_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let process = directory.path().join("7");
    std::fs::create_dir(&process).unwrap();
    let fifo = process.join("stat");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let soon = Duration::from_millis(20);
    let times = Times { wait: soon, longest_reading: soon, ..PATIENT };
    let desk = Desk::new(QuestionSettings { open_files: true }, directory.path().to_owned(), 0, times);
    // To open a pipe that nobody writes to takes for ever.
    let (first, second) = tokio::join!(desk.answer(about(7, 0), 0), desk.answer(about(7, 0), 0));
    assert_eq!((refused(&first), refused(&second)), (Refusal::Failed, Refusal::TooMany));
    // It is let go: the place is free again.
    drop(File::options().write(true).open(&fifo).unwrap());
    let permit = Arc::clone(&desk.at_work).acquire_owned().await.unwrap();
    drop(permit);
}
