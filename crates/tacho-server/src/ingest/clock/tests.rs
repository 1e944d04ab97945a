use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
const BOOT_MS: i64 = 1_790_000_000_000;

fn sample(boot_ms: i64, agent_off_ms: i64, server_off_ms: i64) -> Sample {
    let agent_ms = BOOT_MS + boot_ms + agent_off_ms;
    Sample { boot_ms, agent_ms, server_ms: BOOT_MS + boot_ms + server_off_ms, uncertain_ms: 10 }
}

/// The time of a snapshot of which the agent says what its epoch makes of it.
fn time(clock: &StreamClock, boot_ms: i64, agent_off_ms: i64) -> i64 {
    clock.time_ms(u64::try_from(boot_ms).unwrap() * 1000 + 999, BOOT_MS + boot_ms + agent_off_ms)
        - BOOT_MS
        - boot_ms
}

#[test]
fn small_offsets_are_left_alone_and_large_ones_put_right() {
    for (off_ms, corrected_ms) in [(0, 0), (2_000, 2_000), (-2_000, -2_000), (2_001, 0), (HOUR_MS, 0)] {
        let clock = StreamClock::of_hello(&sample(5_000, off_ms, 0), true);
        assert_eq!(time(&clock, 9_000, off_ms), corrected_ms, "{off_ms}");
        assert_eq!(time(&clock, 1, off_ms), corrected_ms, "also before the hello");
    }
    // A host that seems to be behind may only have been heard late.
    assert_eq!(time(&StreamClock::of_hello(&sample(5_000, -12_000, 0), true), 9_000, -12_000), -12_000);
    assert_eq!(time(&StreamClock::of_hello(&sample(5_000, -12_001, 0), true), 9_000, -12_001), 0);
    assert_eq!(time(&StreamClock::of_hello(&sample(5_000, -2_001, 0), false), 9_000, -2_001), 0);
}

#[test]
fn a_snapshot_without_a_boot_clock_is_moved_too() {
    let clock = StreamClock::of_hello(&sample(5_000, HOUR_MS, 0), true);
    assert_eq!(clock.time_ms(0, BOOT_MS + HOUR_MS), BOOT_MS);
    assert_eq!(clock.time_ms(999, BOOT_MS + HOUR_MS), BOOT_MS);
}

#[test]
fn an_agent_that_reckons_anew_after_a_restart_keeps_its_times() {
    let mut clock = StreamClock::of_hello(&sample(5_000, 0, 0), true);
    // The wall clock was set forward by an hour before the agent started again.
    assert!(!clock.hello_again(&sample(10_000, HOUR_MS, 0), true));
    assert_eq!(time(&clock, 11_000, HOUR_MS), 0);
}

#[test]
fn a_stream_goes_on_with_the_clock_of_its_boot_and_not_of_another() {
    let mut before = StreamClock::of_hello(&sample(5_000, 0, HOUR_MS), true);
    assert!(before.hello_again(&sample(10_000, 0, 0), true));
    let of_another_boot = StreamClock::of_hello(&sample(5_000, 1, 0), true);
    let kept = [of_another_boot.to_text(), "nonsense".to_owned(), before.to_text()];
    let kept = || kept.iter().map(String::as_str);
    let after = StreamClock::goes_on(&sample(20_000, 0, 0), kept());
    assert_eq!(after.as_ref(), Some(&before));
    assert_eq!(StreamClock::goes_on(&sample(20_000, 2, 0), kept()), None);
}

#[test]
fn times_without_a_boot_clock_go_the_way_of_those_with_one() {
    let mut clock = StreamClock::of_hello(&sample(0, HOUR_MS, HOUR_MS), true);
    assert!(clock.hello_again(&sample(10_000, HOUR_MS, 0), true));
    for boot_ms in [5_000, 10_000, 20_000, HOUR_MS, 3 * HOUR_MS] {
        let agent_ms = BOOT_MS + boot_ms + HOUR_MS;
        let with = clock.time_ms(u64::try_from(boot_ms).unwrap() * 1000, agent_ms);
        assert_eq!(clock.time_of_agent_ms(agent_ms), with, "{boot_ms}");
    }
}

#[test]
fn one_wrong_measurement_changes_nothing_and_three_do() {
    let mut clock = StreamClock::of_hello(&sample(0, 0, 0), true);
    let mut measurements = Measurements::default();
    assert!(measurements.is_unsure());
    for boot_s in 1..=3 {
        assert!(!measurements.note(&mut clock, sample(boot_s * 1000, 0, 100)));
    }
    assert_eq!((measurements.is_unsure(), measurements.ahead_ms()), (false, Some(-100)));
    assert!(!measurements.note(&mut clock, sample(4_000, 0, HOUR_MS)));
    assert!(measurements.is_unsure());
    assert!(!measurements.note(&mut clock, sample(5_000, 0, 100)));
    assert!(!measurements.is_unsure());
    let slow = Sample { uncertain_ms: 4_000, ..sample(6_000, 0, 5_900) };
    assert!(!measurements.note(&mut clock, slow), "it may have been under way so long");
    assert!(!measurements.is_unsure());

    let steps: Vec<bool> =
        (7..=9).map(|boot_s| measurements.note(&mut clock, sample(boot_s * 1000, 0, HOUR_MS))).collect();
    assert_eq!(steps, [false, false, true]);
    assert_eq!((time(&clock, 8_999, 0), time(&clock, 9_000, 0)), (0, HOUR_MS), "nothing before it moves");
    assert_eq!(measurements.ahead_ms(), Some(-HOUR_MS));
}

#[test]
fn a_clock_that_goes_back_goes_at_half_speed() {
    let mut clock = StreamClock::of_hello(&sample(0, HOUR_MS, HOUR_MS), true);
    assert!(clock.hello_again(&sample(10_000, HOUR_MS, 0), true));
    let times: Vec<i64> = [10_000, 11_000, 12_000, 10_000 + HOUR_MS, 10_000 + 2 * HOUR_MS, 3 * HOUR_MS]
        .map(|boot_ms| time(&clock, boot_ms, HOUR_MS))
        .to_vec();
    assert_eq!(times, [HOUR_MS, HOUR_MS - 500, HOUR_MS - 1000, HOUR_MS / 2, 0, 0]);
}

/// What happens between two snapshots.
#[derive(Debug, Clone)]
enum Event {
    /// The wall clock of the server is set by so much.
    ServerStep(i64),
    /// The agent starts anew after its own wall clock was set by so much.
    AgentRestart(i64),
    /// The host sleeps, which its boot clock counts.
    Suspend(i64),
    /// The boot clock runs wrong: by so much less or more than the time that passed.
    Drift(i64),
    Measure(i64),
    Hello,
    /// Another server takes over: it knows what is in the catalog.
    OtherServer,
    /// The agent lost the state of its queue.
    NewStream,
}

fn event() -> impl Strategy<Value = Event> {
    let step = prop_oneof![-HOUR_MS..=HOUR_MS, -5_000i64..=5_000];
    prop_oneof![
        step.clone().prop_map(Event::ServerStep),
        step.prop_map(Event::AgentRestart),
        (0..8 * HOUR_MS).prop_map(Event::Suspend),
        (-3_000i64..=3_000).prop_map(Event::Drift),
        (0i64..3_000).prop_map(Event::Measure),
        (0i64..50).prop_map(Event::Measure),
        Just(Event::Hello),
        Just(Event::OtherServer),
        Just(Event::NewStream),
    ]
}

proptest! {
    /// Whatever the clocks of host and server do, the times of a stream grow with its sequences, and they stay
    /// the same whenever a frame arrives: at once, or from the backlog after all that followed.
    #[test]
    fn times_grow_with_sequences(
        events in proptest::collection::vec((proptest::collection::vec(event(), 0..5), 100i64..600_000), 1..120),
    ) {
        let (mut boot_ms, mut agent_off_ms, mut server_off_ms) = (60_000, 0, 0);
        let mut clock = StreamClock::of_hello(&sample(boot_ms, 0, 0), true);
        let mut measurements = Measurements::default();
        let mut frames: Vec<(i64, i64, i64)> = Vec::new();
        for (events, interval_ms) in events {
            for event in events {
                // Nothing takes no time.
                boot_ms += 1;
                match event {
                    Event::ServerStep(ms) | Event::Drift(ms) => server_off_ms += ms,
                    Event::AgentRestart(ms) => agent_off_ms += ms,
                    Event::Suspend(ms) => boot_ms += ms,
                    Event::Measure(uncertain_ms) => {
                        let sample = Sample { uncertain_ms, ..sample(boot_ms, agent_off_ms, server_off_ms) };
                        measurements.note(&mut clock, sample);
                    }
                    Event::Hello => {
                        measurements = Measurements::default();
                        clock.hello_again(&sample(boot_ms, agent_off_ms, server_off_ms), true);
                    }
                    Event::NewStream => {
                        measurements = Measurements::default();
                        // What it reckons by is kept for the boot.
                        agent_off_ms = 0;
                        let hello = sample(boot_ms, agent_off_ms, server_off_ms);
                        clock = StreamClock::goes_on(&hello, [clock.to_text().as_str()]).unwrap();
                        clock.hello_again(&hello, true);
                    }
                    Event::OtherServer => {
                        measurements = Measurements::default();
                        clock = StreamClock::of_text(&clock.to_text()).unwrap();
                    }
                }
            }
            boot_ms += interval_ms;
            frames.push((boot_ms, agent_off_ms, time(&clock, boot_ms, agent_off_ms) + boot_ms));
        }
        for pair in frames.windows(2) {
            prop_assert!(pair[0].2 < pair[1].2, "{:?}", pair);
        }
        prop_assume!(clock.steps.len() < MAX_STEPS);
        for (boot_ms, agent_off_ms, at) in frames {
            prop_assert_eq!(time(&clock, boot_ms, agent_off_ms) + boot_ms, at);
        }
    }

    #[test]
    fn any_text_is_a_clock_or_nothing(text in "[-0-9;,]{0,60}") {
        if let Some(clock) = StreamClock::of_text(&text) {
            prop_assert_eq!(StreamClock::of_text(&clock.to_text()), Some(clock));
        }
    }

    /// Whatever an agent says of its clocks.
    #[test]
    fn no_number_overflows(
        samples in proptest::collection::vec((any::<u64>(), any::<i64>(), any::<i64>(), 0i64..i64::MAX), 1..200),
        times in proptest::collection::vec((any::<u64>(), any::<i64>()), 1..10),
    ) {
        let mut samples = samples.into_iter().map(|(boot_us, agent_ms, server_ms, uncertain_ms)| Sample {
            boot_ms: boot_ms_of(boot_us), agent_ms, server_ms, uncertain_ms,
        });
        let mut clock = StreamClock::of_hello(&samples.next().unwrap(), true);
        let mut measurements = Measurements::default();
        for sample in samples {
            clock.hello_again(&sample, false);
            measurements.note(&mut clock, sample);
            prop_assert!(clock.steps.len() <= MAX_STEPS);
        }
        for (boot_us, agent_ms) in times {
            clock.time_ms(boot_us, agent_ms);
        }
    }
}
