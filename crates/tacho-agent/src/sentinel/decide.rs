//! Whose turn it is to speak. Pure.

use tacho_wire::v1::Sentinel;

use super::peer::Answer;

/// What an agent does that can not reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Speak,
    /// Ask again later.
    Wait,
    /// It has been said.
    Settled,
}

/// `can_speak`: there is a channel. `waited`: as long as an agent waits that knows of no sentinel. `answers`: of
/// all sentinels before this one.
pub(super) fn decide(duty: &Sentinel, can_speak: bool, waited: bool, answers: &[Answer]) -> Decision {
    if !can_speak {
        return Decision::Wait;
    }
    if duty.rank == 0 {
        // Others have the duty, or nobody has.
        return if duty.before.is_empty() && waited { Decision::Speak } else { Decision::Wait };
    }
    if answers.contains(&Answer::Spoken) {
        return Decision::Settled;
    }
    // It sees the server, so it is this host's own network; or it is about to speak.
    if answers.contains(&Answer::SeesServer) || answers.contains(&Answer::Waiting) {
        return Decision::Wait;
    }
    Decision::Speak
}

#[cfg(test)]
mod tests {
    use tacho_wire::v1::SentinelPeer;

    use super::*;

    fn duty(rank: u32, before: usize) -> Sentinel {
        Sentinel { rank, before: vec![SentinelPeer::default(); before], channels: Vec::new() }
    }

    #[test]
    fn the_first_speaks_and_the_others_when_those_before_can_not() {
        use Answer::{Dead, Failing, SeesServer, Spoken, Waiting};
        let cases: [(Sentinel, &[Answer], Decision); 9] = [
            (duty(1, 0), &[], Decision::Speak),
            (duty(2, 1), &[Dead], Decision::Speak),
            (duty(2, 1), &[Failing], Decision::Speak),
            (duty(2, 1), &[Waiting], Decision::Wait),
            (duty(2, 1), &[SeesServer], Decision::Wait),
            (duty(2, 1), &[Spoken], Decision::Settled),
            (duty(3, 2), &[Dead, Waiting], Decision::Wait),
            (duty(3, 2), &[Dead, Failing], Decision::Speak),
            (duty(3, 2), &[SeesServer, Spoken], Decision::Settled),
        ];
        for (duty, answers, expected) in cases {
            assert_eq!(decide(&duty, true, false, answers), expected, "{answers:?}");
            assert_eq!(decide(&duty, false, true, answers), Decision::Wait);
        }
    }

    #[test]
    fn who_knows_of_no_sentinel_speaks_after_a_while_and_who_knows_of_one_never() {
        assert_eq!(decide(&duty(0, 0), true, false, &[]), Decision::Wait);
        assert_eq!(decide(&duty(0, 0), true, true, &[]), Decision::Speak);
        assert_eq!(decide(&duty(0, 2), true, true, &[]), Decision::Wait);
    }
}
