//! What messages of several generations of kernels are told as.

use std::path::Path;

use tacho_proc::kernel_event;

#[test]
fn messages_of_all_generations() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel-log");
    let mut checked = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let (expected, message) = line.split_once('\t').unwrap();
            let mut expected = expected.split('|');
            let told = kernel_event(message.as_bytes());
            let kind = told.as_ref().map_or("-", |event| event.kind.name());
            assert_eq!(Some(kind), expected.next(), "{message}");
            let subject = told.as_ref().map_or("", |event| &event.subject);
            assert_eq!(subject, expected.next().unwrap_or_default(), "{message}");
            let pid = told.as_ref().and_then(|event| event.pid);
            assert_eq!(pid, expected.next().and_then(|pid| pid.parse().ok()), "{message}");
            assert!(told.is_none_or(|event| event.text == message), "{message}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked} messages");
}
