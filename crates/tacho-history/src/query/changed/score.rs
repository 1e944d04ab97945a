//! How unlike: `|value - before| / (spread + greater / 20 + least)`, where
//!
//! - `value` and `before` are averages over the range and over the time before it,
//! - `spread` is the standard deviation of the averages of the time before in buckets: what varies anyway has to
//!   change more,
//! - `greater` is the greater of the two averages: a change of 5 % of something steady scores below 1,
//! - `least` depends on the number, and is what nobody would look at: 0.02 cores, a hundredth of a ratio.
//!
//! So it is at most 20, for what came out of nothing. Above 3 is worth a look.

/// The least share of the greater average that is a change.
const SHARE: f64 = 0.05;

/// An average and how much buckets differ from it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) average: f64,
    pub(crate) deviation: f64,
}

impl Spread {
    /// Of values with weights; those of weight 0 do not count. `None` without any.
    pub(crate) fn of(values: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let weight: f64 = values.clone().map(|(_, weight)| weight).sum();
        if weight <= 0.0 {
            return None;
        }
        let average = values.clone().map(|(value, weight)| value * weight).sum::<f64>() / weight;
        let square = |(value, weight): (f64, f64)| weight * (value - average) * (value - average);
        let deviation = (values.map(square).sum::<f64>() / weight).sqrt();
        Some(Self { average, deviation })
    }
}

/// How unlike the time before something is, from 0 to 20.
pub(crate) fn score(value: f64, before: Spread, least: f64) -> f64 {
    let greater = value.abs().max(before.average.abs());
    let difference = (value - before.average).abs();
    let scale = before.deviation + greater * SHARE + least;
    if scale > 0.0 && difference.is_finite() { difference / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steady(average: f64) -> Spread {
        Spread { average, deviation: 0.0 }
    }

    proptest! {
        #[test]
        fn a_score_is_bounded_and_grows_with_the_change(
            before in 0.0..1e12f64, deviation in 0.0..1e12f64, change in 0.0..1e12f64, least in 0.0..1e9f64,
        ) {
            let spread = Spread { average: before, deviation };
            let of = |change: f64| score(before + change, spread, least);
            prop_assert!((0.0..=20.0 + 1e-9).contains(&of(change)));
            prop_assert!(of(change) <= of(change * 2.0 + 1.0) + 1e-9);
            prop_assert_eq!(of(0.0), 0.0);
            let steadier = Spread { average: before, deviation: deviation / 2.0 };
            prop_assert!(score(before + change, steadier, least) >= of(change));
        }

        #[test]
        fn a_spread_is_that_of_the_values(values in proptest::collection::vec((-1e6..1e6f64, 1.0..9.0f64), 1..50)) {
            let spread = Spread::of(values.iter().copied()).unwrap();
            let (least, greatest) = values.iter().fold((f64::MAX, f64::MIN), |(least, greatest), (value, _)| {
                (least.min(*value), greatest.max(*value))
            });
            prop_assert!(spread.average >= least - 1e-6 && spread.average <= greatest + 1e-6);
            prop_assert!(spread.deviation <= (greatest - least) / 2.0 + 1e-6);
        }
    }

    #[test]
    fn what_nobody_would_look_at_scores_low() {
        assert!(score(0.01, steady(0.0), 0.02) < 0.5, "a hundredth of a core out of nothing");
        assert!(score(1.0, steady(0.0), 0.02) > 14.0, "a core out of nothing");
        assert!(score(0.0, steady(1.0), 0.02) > 14.0, "and back");
        assert!(score(1.04, steady(1.0), 0.02) < 1.0);
        assert!(score(3.0, Spread { average: 2.0, deviation: 0.5 }, 0.02) < 2.0, "it varies anyway");
        assert_eq!(score(0.0, steady(0.0), 0.0), 0.0);
        assert_eq!(Spread::of([(1.0, 0.0)].into_iter()), None);
        assert_eq!(
            Spread::of([(1.0, 1.0), (3.0, 1.0)].into_iter()),
            Some(Spread { average: 2.0, deviation: 1.0 })
        );
    }
}
