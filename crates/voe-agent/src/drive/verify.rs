//! Verification by other means than the model's own checks: when it is made, by what means, and what follows. Each means is
//! a file in `verify/`; a new one is a file, a line in [`Loop::look`] and a word in the strategy.

mod command;
mod counterfactual;
mod existing;
mod self_review;
mod spec;
mod verdict;

use voe_trace::event::{NudgeKind, Origin, Reply};
use voe_trace::{Event, Message, Reason, Usage};

use super::Loop;
use crate::attempt::End;
use crate::prompt::HARNESS;
use crate::record::trail::Moment;
use crate::session::Session;
use crate::strategy::{Granularity, Method, Strategy};

/// What a means of verification found.
pub(crate) enum Look {
    /// A verdict.
    Verdict(Verdict),
    /// A question to be put into the conversation; the next reply is the verdict.
    Ask(String),
}

/// A verdict, and what it cost to get it.
pub(crate) struct Verdict {
    /// `None`: it could not be told.
    pub(crate) passed: Option<bool>,
    /// Why, for the model and for the record.
    pub(crate) text: String,
    /// Tokens of a question of its own.
    pub(crate) usage: Usage,
    /// Seconds that it took.
    pub(crate) seconds: f64,
}

impl Verdict {
    pub(crate) fn new(passed: Option<bool>, text: impl Into<String>) -> Self {
        Self { passed, text: text.into(), usage: Usage::default(), seconds: 0.0 }
    }
}

impl From<Verdict> for Look {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

/// What the repository's own tests say of the work as it stands.
pub(crate) async fn own_tests(session: &mut Session) -> Result<Verdict, End> {
    match existing::look(session).await? {
        Look::Verdict(verdict) => Ok(verdict),
        Look::Ask(_) => Ok(Verdict::new(None, "")),
    }
}

impl Loop {
    /// Verifies the work as it stands and acts on the verdict. To be called when all calls have their results. The error is
    /// how the attempt ends.
    pub(crate) async fn verify(&mut self, moment: Moment) -> Result<(), End> {
        let tree = self.session.log.ledger.tree();
        if self.session.strategy.verify.method == Method::None
            || self.session.log.trail.verdict(tree) == Some(Some(true))
        {
            return self.go_on(moment, None).await;
        }
        if tree.is_empty() {
            let unchanged = Verdict::new(Some(false), "Nothing is changed yet.");
            return match moment {
                Moment::Part => self.go_on(moment, Some(unchanged)).await,
                Moment::End => self.act(moment, unchanged).await,
            };
        }
        match self.look().await? {
            Look::Verdict(verdict) => self.act(moment, verdict).await,
            Look::Ask(question) => {
                let step = self.session.log.conversation.step;
                let kind = if moment == Moment::End { NudgeKind::LastReview } else { NudgeKind::Review };
                let text = format!("{HARNESS} {question}");
                self.session.log.write(Event::Nudge { step, kind, text: text.clone() })?;
                self.after_step.push(text);
                self.say_after_step(Origin::Nudge)
            }
        }
    }

    async fn look(&mut self) -> Result<Look, End> {
        let session = &mut self.session;
        match session.strategy.verify.method {
            Method::None => Ok(Verdict::new(Some(true), "").into()),
            Method::SelfReview => Ok(self_review::look(session)),
            Method::Tests => existing::look(session).await,
            Method::Spec => spec::look(session).await,
            Method::Command => command::look(session).await,
            Method::Counterfactual => counterfactual::look(session).await,
        }
    }

    /// Takes `reply` as the review that was asked for. `false`: the model went on with calls instead.
    pub(crate) async fn reviewed(&mut self, moment: Moment, reply: &Reply) -> Result<bool, End> {
        if reply.message.tool_calls.is_empty() && reply.malformed.is_none() {
            self.act(moment, verdict::read(&reply.message.content)).await?;
            return Ok(true);
        }
        self.record(&Verdict::new(None, "The model went on with a call instead of a verdict."))?;
        Ok(false)
    }

    /// Records a verdict and does what the strategy says about it.
    async fn act(&mut self, moment: Moment, verdict: Verdict) -> Result<(), End> {
        self.record(&verdict)?;
        if verdict.passed == Some(false) && self.session.log.trail.recoveries() < self.session.strategy.recovery.times {
            self.recover(moment, &verdict.text).await?;
            return self.say_after_step(Origin::Nudge);
        }
        self.go_on(moment, Some(verdict)).await
    }

    /// No recovery, or none any more: at the end the attempt ends, before it the model is told in a line and goes on.
    async fn go_on(&mut self, moment: Moment, verdict: Option<Verdict>) -> Result<(), End> {
        if moment == Moment::End {
            return Err(self.accept()?);
        }
        let method = self.session.strategy.verify.method.word();
        if let Some(verdict) = verdict {
            let said = match verdict.passed {
                Some(true) => "passed".to_owned(),
                Some(false) if self.session.log.ledger.tree().is_empty() => verdict.text,
                Some(false) => "failed".to_owned(),
                None => format!("could not be told. {}", verdict.text),
            };
            self.after_step.push(format!("{HARNESS} Verification ({method}): {said}\nGo on."));
        }
        self.say_after_step(Origin::Strategy)
    }

    /// The end that the model asked for.
    pub(crate) fn accept(&mut self) -> Result<End, End> {
        let (step, level) = (self.session.log.conversation.step, self.session.log.ledger.level());
        self.session.log.write(Event::Gate { step, accepted: true, level, text: String::new() })?;
        Ok(End::Reason(Reason::Completed))
    }

    fn record(&mut self, verdict: &Verdict) -> Result<(), End> {
        let Some(method) = self.session.strategy.verify.method.recorded() else { return Ok(()) };
        Ok(self.session.log.write(Event::Verify {
            step: self.session.log.conversation.step,
            method,
            passed: verdict.passed,
            text: verdict.text.clone(),
            tree: self.session.log.ledger.tree().to_owned(),
            usage: verdict.usage,
            seconds: verdict.seconds,
        })?)
    }

    /// Says what is to be said after a step, as one user message: some templates refuse two in a row.
    pub(crate) fn say_after_step(&mut self, origin: Origin) -> Result<(), End> {
        if self.after_step.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.after_step).join("\n\n");
        Ok(self.session.say(origin, Message::user(text))?)
    }
}

/// What is wrong with the verification keys of `strategy`, if anything, in one line.
pub(crate) fn validate(strategy: &Strategy) -> Result<(), String> {
    use crate::strategy::{Counterfactual, RecoverHow};
    let (verify, how) = (&strategy.verify, strategy.recovery.how);
    let forks = strategy.evidence.counterfactual != Counterfactual::Off;
    let no = |why: &str| Err(why.to_owned());
    if strategy.pipeline.is_some() && (verify.method != Method::None || strategy.red_first.is_some()) {
        return no("[verify] and [red_first] are for attempts that the model leads; [pipeline] runs its own checks");
    }
    match verify.method {
        Method::None if verify.when != Granularity::End => {
            no("verify.when says when to verify, but verify.method is none: there is nothing to time")
        }
        Method::None if how != RecoverHow::Retry => {
            no("recovery.how says what follows a failed verification, but verify.method is none: nothing can fail")
        }
        Method::Counterfactual if verify.when == Granularity::Step => no(
            "verify.method = counterfactual cannot be asked after each step that edited: no check has run since the edit, so it \
             would always fail; use nudge.on = edit, or [red_first], whose checks voe runs after each edit",
        ),
        Method::Counterfactual | Method::Tests if !forks => no(
            "verify.method compares with a run without the edits, but evidence.counterfactual is off: set it to record or tell",
        ),
        Method::None | Method::Tests | Method::Counterfactual if !verify.text.trim().is_empty() => no(
            "verify.text is the command of verify.method = command, or the question of self_review and spec; this method has neither",
        ),
        _ if strategy.red_first.is_some() && !forks => no(
            "[red_first] runs its checks without the edits, but evidence.counterfactual is off: set it to record or tell",
        ),
        _ => Ok(()),
    }
}
