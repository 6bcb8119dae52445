//! One budget for the whole search, and the share of one attempt.

use voe_agent::strategy::AttemptLimits;
use voe_trace::Usage;

/// The amounts spent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SpentBudget {
    pub(crate) steps: u32,
    pub(crate) usage: Usage,
    /// Seconds since the search began.
    pub(crate) seconds: f64,
}

/// The share of one attempt when `attempts` are still to come, itself included: an equal part of what is left of `whole`, but no
/// more than `own`. Time is not divided: attempts may run in parallel. `None`: nothing is left.
pub(crate) fn share(
    whole: &AttemptLimits,
    own: &AttemptLimits,
    spent: &SpentBudget,
    attempts: u32,
) -> Option<AttemptLimits> {
    let attempts = attempts.max(1);
    let left = |limit: u64, spent: u64| match limit {
        0 => Some(0),
        limit => limit.checked_sub(spent).filter(|left| *left > 0),
    };
    let part = |left: u64| if left == 0 { 0 } else { (left / u64::from(attempts)).max(1) };
    let steps = part(left(whole.steps.into(), spent.steps.into())?);
    let tokens = part(left(whole.tokens, spent.usage.prompt + spent.usage.output)?);
    let money = spent.usage.cost.unwrap_or(0.0);
    let (wall_s, cost) = (whole.wall_s - spent.seconds, whole.cost - money);
    if (whole.wall_s > 0.0 && wall_s <= 0.0) || (whole.cost > 0.0 && cost <= 0.0) {
        return None;
    }
    let tighter = |own: f64, share: f64| match (own > 0.0, share > 0.0) {
        (true, true) => own.min(share),
        (true, false) => own,
        _ => share.max(0.0),
    };
    Some(AttemptLimits {
        steps: u32::try_from(least(own.steps.into(), steps)).unwrap_or(u32::MAX),
        tokens: least(own.tokens, tokens),
        wall_s: tighter(own.wall_s, wall_s),
        cost: tighter(own.cost, cost / f64::from(attempts)),
        reply_tokens: own.reply_tokens,
    })
}

/// The smaller of two limits; 0 means unlimited.
pub(crate) fn least(a: u64, b: u64) -> u64 {
    match (a, b) {
        (0, other) | (other, 0) => other,
        (a, b) => a.min(b),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(steps: u32, tokens: u64) -> AttemptLimits {
        AttemptLimits { steps, tokens, ..AttemptLimits::default() }
    }

    proptest! {
        #[test]
        fn attempts_that_use_up_their_shares_use_up_the_whole_and_not_a_step_more(whole in 1u32..60, n in 1u32..9) {
            let mut spent = SpentBudget::default();
            for i in 0..n {
                if let Some(share) = share(&limits(whole, 0), &limits(0, 0), &spent, n - i) {
                    spent.steps += share.steps;
                }
            }
            prop_assert_eq!(spent.steps, whole);
        }
    }

    #[test]
    fn an_attempts_own_limits_apply_too() {
        let share = |own: &AttemptLimits| share(&limits(40, 1000), own, &SpentBudget::default(), 4).unwrap();
        assert_eq!((share(&limits(0, 0)).steps, share(&limits(5, 0)).steps, share(&limits(0, 0)).tokens), (10, 5, 250));
    }

    #[test]
    fn nothing_is_left_when_time_or_money_is_gone() {
        let whole = AttemptLimits { wall_s: 10.0, ..limits(9, 0) };
        assert!(share(&whole, &limits(0, 0), &SpentBudget { seconds: 10.0, ..SpentBudget::default() }, 1).is_none());
        let whole = AttemptLimits { cost: 1.0, ..limits(9, 0) };
        let spent = SpentBudget { usage: Usage { cost: Some(1.5), ..Usage::default() }, ..SpentBudget::default() };
        assert!(share(&whole, &limits(0, 0), &spent, 1).is_none());
    }
}
