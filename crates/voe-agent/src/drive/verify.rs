//! Verification by other means than the model's own checks: when it runs, by which method, and what follows. Each method
//! is a file in `verify/`; a new one is a file, a line in [`Loop::run_method`] and a word in the strategy.

mod command;
mod counterfactual;
mod existing;
mod self_review;
mod spec;
mod verdict;

use voe_trace::event::{MessageOrigin, NudgeKind, RecordedReply};
use voe_trace::{Event, Message, Reason, Usage};

use super::Loop;
use crate::end::LoopEnd;
use crate::prompt::HARNESS;
use crate::record::history::VerifyPoint;
use crate::session::Session;
use crate::strategy::{Granularity, Method, Strategy};

/// What a method of verification returned.
pub(crate) enum VerifyOutcome {
    /// A verdict.
    Verdict(Verdict),
    /// A question to add to the conversation; the next reply is the verdict.
    Ask(String),
}

/// A verdict, and what it cost.
pub(crate) struct Verdict {
    /// `None`: inconclusive.
    pub(crate) passed: Option<bool>,
    /// The reason, for the model and for the record.
    pub(crate) text: String,
    /// Tokens of a separate question.
    pub(crate) usage: Usage,
    /// Duration in seconds.
    pub(crate) seconds: f64,
}

impl Verdict {
    pub(crate) fn new(passed: Option<bool>, text: impl Into<String>) -> Self {
        Self { passed, text: text.into(), usage: Usage::default(), seconds: 0.0 }
    }
}

impl From<Verdict> for VerifyOutcome {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

/// Verifies the current work with the repository's own tests.
pub(crate) async fn own_tests(session: &mut Session) -> Result<Verdict, LoopEnd> {
    match existing::run(session).await? {
        VerifyOutcome::Verdict(verdict) => Ok(verdict),
        VerifyOutcome::Ask(_) => Ok(Verdict::new(None, "")),
    }
}

impl Loop {
    /// Verifies the current work and acts on the verdict. Call it when all calls have their results. The error is
    /// how the attempt ends.
    pub(crate) async fn verify(&mut self, point: VerifyPoint) -> Result<(), LoopEnd> {
        let tree = self.session.log.ledger.tree();
        if self.session.strategy.verify.method == Method::None
            || self.session.log.history.verdict(tree) == Some(Some(true))
        {
            return self.proceed(point, None).await;
        }
        if tree.is_empty() {
            let unchanged = Verdict::new(Some(false), "Nothing is changed yet.");
            return match point {
                VerifyPoint::Part => self.proceed(point, Some(unchanged)).await,
                VerifyPoint::End => self.act(point, unchanged).await,
            };
        }
        match self.run_method().await? {
            VerifyOutcome::Verdict(verdict) => self.act(point, verdict).await,
            VerifyOutcome::Ask(question) => {
                let step = self.session.log.conversation.step;
                let kind = if point == VerifyPoint::End { NudgeKind::LastReview } else { NudgeKind::Review };
                let text = format!("{HARNESS} {question}");
                self.session.log.write(Event::Nudge { step, kind, text: text.clone() })?;
                self.after_step.push(text);
                self.say_after_step(MessageOrigin::Nudge)
            }
        }
    }

    async fn run_method(&mut self) -> Result<VerifyOutcome, LoopEnd> {
        let session = &mut self.session;
        match session.strategy.verify.method {
            Method::None => Ok(Verdict::new(Some(true), "").into()),
            Method::SelfReview => Ok(self_review::run(session)),
            Method::Tests => existing::run(session).await,
            Method::Spec => spec::run(session).await,
            Method::Command => command::run(session).await,
            Method::Counterfactual => counterfactual::run(session).await,
        }
    }

    /// Reads `reply` as the review that was asked for. `false`: the model made calls instead.
    pub(crate) async fn reviewed(&mut self, point: VerifyPoint, reply: &RecordedReply) -> Result<bool, LoopEnd> {
        if reply.message.tool_calls.is_empty() && reply.malformed.is_none() {
            self.act(point, verdict::read(&reply.message.content)).await?;
            return Ok(true);
        }
        self.record(&Verdict::new(None, "The model made a call instead of giving a verdict."))?;
        Ok(false)
    }

    /// Records a verdict and does what the strategy demands.
    async fn act(&mut self, point: VerifyPoint, verdict: Verdict) -> Result<(), LoopEnd> {
        self.record(&verdict)?;
        if verdict.passed == Some(false) && self.session.log.history.recoveries() < self.session.strategy.recovery.times
        {
            self.recover(point, &verdict.text).await?;
            return self.say_after_step(MessageOrigin::Nudge);
        }
        self.proceed(point, Some(verdict)).await
    }

    /// No recovery, or none left: at the end the attempt ends; before it, the model gets the result in one line and continues.
    async fn proceed(&mut self, point: VerifyPoint, verdict: Option<Verdict>) -> Result<(), LoopEnd> {
        if point == VerifyPoint::End {
            return Err(self.accept()?);
        }
        let method = self.session.strategy.verify.method.word();
        if let Some(verdict) = verdict {
            let outcome = match verdict.passed {
                Some(true) => "passed".to_owned(),
                Some(false) if self.session.log.ledger.tree().is_empty() => verdict.text,
                Some(false) => "failed".to_owned(),
                None => format!("inconclusive. {}", verdict.text),
            };
            self.after_step.push(format!("{HARNESS} Verification ({method}): {outcome}\nContinue."));
        }
        self.say_after_step(MessageOrigin::Strategy)
    }

    /// The end that the model asked for.
    pub(crate) fn accept(&mut self) -> Result<LoopEnd, LoopEnd> {
        let (step, level) = (self.session.log.conversation.step, self.session.log.ledger.level());
        self.session.log.write(Event::Gate { step, accepted: true, level, text: String::new() })?;
        Ok(LoopEnd::Reason(Reason::Completed))
    }

    fn record(&mut self, verdict: &Verdict) -> Result<(), LoopEnd> {
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

    /// Sends what follows a step as one user message: some templates refuse two in a row.
    pub(crate) fn say_after_step(&mut self, origin: MessageOrigin) -> Result<(), LoopEnd> {
        if self.after_step.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.after_step).join("\n\n");
        Ok(self.session.say(origin, Message::user(text))?)
    }
}

/// Checks the verification keys of `strategy`. The error is one line.
pub(crate) fn validate(strategy: &Strategy) -> Result<(), String> {
    use crate::strategy::{Counterfactual, RecoverHow};
    let (verify, how) = (&strategy.verify, strategy.recovery.how);
    let forks = strategy.evidence.counterfactual != Counterfactual::Off;
    let no = |why: &str| Err(why.to_owned());
    if strategy.pipeline.is_some() && (verify.method != Method::None || strategy.red_first.is_some()) {
        return no("[verify] and [red_first] are for attempts driven by the model; [pipeline] runs its own checks");
    }
    match verify.method {
        Method::None if verify.when != Granularity::End => {
            no("verify.when is set, but verify.method is none: nothing is verified")
        }
        Method::None if how != RecoverHow::Retry => {
            no("recovery.how is set, but verify.method is none: no verification can fail")
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
