//! A scripted pipeline: each question in a fresh, short context. For models too small for a loop.
//!
//! - [`place`]: candidate locations of the problem; [`source`]: a function's text; `text`: a file's lines
//! - [`reply`]: reading what the model wrote
//! - `candidate`: a change, tested with the checks
//! - `replay`: replies from before the attempt was resumed, so that nothing is asked twice

mod candidate;
mod language;
mod place;
mod replay;
mod reply;
mod source;
mod text;

use std::time::Duration;

use minijinja::context;
use voe_evidence::counterfactual::{ChangeFacts, CheckRuns, judge};
use voe_evidence::reproduction;
use voe_proof::{CallEnd, WorkspaceError};
use voe_protocol::{ClientError, shown_path};
use voe_trace::event::{ConversationRewritten, MessageOrigin, RewriteKind};
use voe_trace::{Check, CheckOrigin, Event, Message, Reason, Usage};

use crate::end::LoopEnd;
use crate::prompt::{cut, last_lines, render};
use crate::session::Session;
use crate::strategy::{Pipeline, Strategy, Writes};
use candidate::RepairCandidate;
use language::Language;
use place::{StatementNames, SuspectFunction};
pub(crate) use replay::ReplayCursor;

/// Places that the model is asked to rank.
const RANKED: usize = 12;
/// Time limit for one edit, in seconds.
const EDIT: Duration = Duration::from_secs(60);

/// A command that fails at the base.
#[derive(Debug, Clone)]
struct Red {
    command: String,
    base: voe_trace::Outcome,
}

/// The part of a file that is shown.
struct Excerpt {
    /// From line to line, from 0, the end not included.
    range: (usize, usize),
    text: String,
    /// Description for the model.
    what: String,
    /// Whether it is a complete function.
    function: bool,
}

/// An attempt driven by the harness.
pub(crate) struct PipelineDriver {
    pub(crate) session: Session,
    /// Replies and edits in the record of a resumed attempt.
    pub(crate) replay: ReplayCursor,
}

impl PipelineDriver {
    /// Runs to the end.
    pub(crate) async fn run(&mut self) -> LoopEnd {
        let Some(keys) = self.session.strategy.pipeline.clone() else { return LoopEnd::Reason(Reason::Stuck) };
        self.run_steps(&keys).await.map_or_else(|end| end, LoopEnd::Reason)
    }

    /// Runs the steps and returns how the attempt ended.
    async fn run_steps(&mut self, keys: &Pipeline) -> Result<Reason, LoopEnd> {
        self.restore_base().await?;
        let places = self.places(keys).await?;
        let Some(first) = places.first().cloned() else {
            self.session.log.write(Event::Note { text: "no source file was found that could be changed".into() })?;
            return Ok(Reason::Stuck);
        };
        let reds = self.reds(keys, &first).await?;
        let mut tried: Vec<RepairCandidate> = Vec::new();
        let ended = self.try_places(keys, &places, &reds, &mut tried).await;
        if matches!(ended, Ok(()) | Err(LoopEnd::Reason(Reason::MaxSteps | Reason::MaxTokens))) {
            self.tell_apart(&mut tried).await?;
        }
        // Also when a limit or the model ended it: the best candidate so far is used. On a tie the first: its question mentioned
        // the fewest failures.
        let best = tried.iter().rev().max_by_key(|candidate| candidate.rank());
        if let Some(best) = best {
            self.put(best).await?;
        }
        ended.map(|()| if best.is_some() { Reason::Completed } else { Reason::Stuck })
    }

    /// Tries changes, location by location, until one is good enough.
    async fn try_places(
        &mut self,
        keys: &Pipeline,
        places: &[SuspectFunction],
        reds: &[Red],
        tried: &mut Vec<RepairCandidate>,
    ) -> Result<(), LoopEnd> {
        for place in places.iter().take(keys.places.max(1) as usize) {
            let (mut before, mut failure) = (String::new(), String::new());
            for _ in 0..keys.candidates.max(1) {
                self.restore_base().await?;
                let Some(lines) = self.lines(&place.path).await? else { break };
                let shown = self.shown(keys, place, &lines).await?;
                let reply = self.ask_for_change(keys, place, &shown, reds, (&before, &failure)).await?;
                match self.candidate(keys, place, &shown, &lines, &reply, reds).await? {
                    Ok(candidate) => {
                        let enough = candidate.enough();
                        (before, failure) = (candidate.diff.clone(), candidate.failure.clone());
                        tried.push(candidate);
                        if enough {
                            return Ok(());
                        }
                    }
                    Err(why) => (before, failure) = (reply, why),
                }
            }
        }
        Ok(())
    }

    /// Asks one question in a context of its own, unless the record has the answer.
    async fn question(&mut self, text: String) -> Result<String, LoopEnd> {
        if let Some(reply) = self.replay.replies.pop_front() {
            return Ok(reply);
        }
        self.session.check_limits()?;
        self.session.end_step(None)?;
        let (step, before) = (self.session.log.conversation.step, self.session.prompt_tokens());
        let after = self.session.estimator.estimate(&[Message::user(&text)], &[]);
        self.session.log.write(Event::ConversationRewritten(Box::new(ConversationRewritten {
            step,
            kind: RewriteKind::Question,
            before,
            after,
            usage: Usage::default(),
            seconds: 0.0,
            messages: Vec::new(),
        })))?;
        self.session.say(MessageOrigin::Strategy, Message::user(text))?;
        match self.session.request(None).await? {
            Ok(reply) => {
                let reply = self.session.recorded(reply, 1);
                self.session.log.write(Event::Reply(Box::new(reply.clone())))?;
                Ok(reply.message.content)
            }
            Err(error) => Err(LoopEnd::Model(error)),
        }
    }

    /// The places, the likeliest first: found by names, ranked by the model.
    async fn places(&mut self, keys: &Pipeline) -> Result<Vec<SuspectFunction>, LoopEnd> {
        let names = StatementNames::of(&self.session.task.statement);
        let mut wanted = names.code.clone();
        wanted.extend(names.frames.iter().map(|(_, function)| function.clone()));
        let mut found = Vec::new();
        if !wanted.is_empty() {
            found.extend(self.grep(&place::search(&wanted), None).await?);
        }
        for file in &names.files {
            let name = file.rsplit('/').next().unwrap_or(file);
            found.extend(self.grep(&place::search(&Default::default()), Some(name)).await?);
        }
        if !found.iter().any(|place| names.code.contains(&place.name)) {
            found.extend(self.grep(&place::search(&names.words), None).await?);
            found.extend(self.grep(&place::search(&Default::default()), None).await?);
        }
        if found.is_empty() {
            found = self.files(&names).await?;
        }
        let found = place::rank(&names, found, RANKED);
        let list: Vec<String> = found
            .iter()
            .enumerate()
            .map(|(n, place)| match place.name.as_str() {
                "" => format!("{}. {}", n + 1, place.path),
                name => format!("{}. {name} in {}, line {}", n + 1, place.path, place.line),
            })
            .collect();
        if self.replay.is_empty() {
            self.session.log.write(Event::Note { text: format!("places: {}", list.join("; ")) })?;
        }
        if found.len() < 2 || keys.places == 0 {
            return Ok(found);
        }
        let values = context! { statement => self.statement(keys), places => list.join("\n") };
        let reply = self.question(render(&keys.ask.place, values)).await?;
        Ok(place::reordered(&reply, found))
    }

    async fn grep(&mut self, pattern: &str, glob: Option<&str>) -> Result<Vec<SuspectFunction>, LoopEnd> {
        let found = found(self.session.workspace.search(pattern, glob).await)?;
        Ok(place::places(&found.matches))
    }

    /// Whole files, where no function was found: those that the statement names, else all with a source extension.
    async fn files(&mut self, names: &StatementNames) -> Result<Vec<SuspectFunction>, LoopEnd> {
        let mut patterns: Vec<String> =
            names.files.iter().map(|file| format!("**/{}", file.rsplit('/').next().unwrap_or(file))).collect();
        patterns.push("**/*.{py,js,mjs,cjs,ts,tsx,rs,go,c,h,cc,cpp,java,rb,php,sh,lua}".into());
        for pattern in patterns {
            let found = found(self.session.workspace.list_files(&pattern).await)?;
            let paths = found.paths.iter().map(|path| shown_path(&path.0));
            let places: Vec<SuspectFunction> = paths
                .filter(|path| path.contains('.') && !path.contains(' ') && !voe_evidence::is_test(path))
                .map(|path| SuspectFunction { path, name: String::new(), line: 1 })
                .collect();
            if !places.is_empty() {
                return Ok(places);
            }
        }
        Ok(Vec::new())
    }

    /// A file's lines; `None` for one that can't be a place (too large, not text, deleted).
    async fn lines(&mut self, path: &str) -> Result<Option<Vec<String>>, LoopEnd> {
        let CallEnd::Result(read) = self.session.workspace.read_file(path, text::MOST_BYTES).await? else {
            return Ok(None);
        };
        let tools = &self.session.strategy.tools;
        Ok(read.content().and_then(|content| text::lines(&content, tools.read_lines, tools.output_chars)))
    }

    /// The part of a file that is shown for a place.
    async fn shown(&mut self, keys: &Pipeline, place: &SuspectFunction, lines: &[String]) -> Result<Excerpt, LoopEnd> {
        let function = match definition(place, lines).filter(|_| keys.write != Writes::File) {
            Some(line) => self.extent(&place.path, &lines.join("\n"), line).await?,
            None => None,
        };
        Ok(show(place, lines, keys, function))
    }

    /// The lines of the function that is defined at `line` of a text. The text is untrusted: the toolbox parses it, inside the sandbox.
    async fn extent(&mut self, path: &str, text: &str, line: usize) -> Result<Option<(usize, usize)>, LoopEnd> {
        let found = found(self.session.workspace.function_extent(path, text, line as u64).await)?;
        let range = (found.begin as usize, found.end as usize);
        Ok((range.0 <= line && line < range.1 && range.1 <= text.lines().count()).then_some(range))
    }

    /// Commands that fail at the base for the reason in the statement: the user's, else one that the model writes.
    async fn reds(&mut self, keys: &Pipeline, place: &SuspectFunction) -> Result<Vec<Red>, LoopEnd> {
        if let Some(command) = self.session.task.check.clone() {
            let base = self.at_base(&command).await?;
            if let Some(base) = base.filter(|base| !base.passed()) {
                return Ok(vec![Red { command, base }]);
            }
        }
        let language = Language::of(&place.path);
        let mut rejected = String::new();
        for _ in 0..keys.checks {
            let Some(lines) = self.lines(&place.path).await? else { break };
            let shown = self.shown(keys, place, &lines).await?;
            let values = context! {
                statement => self.statement(keys), path => &place.path, source => &shown.text,
                language => language.name(), rejected => &rejected,
            };
            let reply = self.question(render(&keys.ask.check, values)).await?;
            let Some(code) = reply::code(&reply, |text| text.lines().any(|line| line.starts_with("assert "))) else {
                rejected = "The answer contained no block of code.".into();
                continue;
            };
            let command = language.command(&code);
            let Some(base) = self.at_base(&command).await? else { continue };
            let edits = !self.session.workspace.state().await?.code_tree.is_empty();
            self.restore_base().await?;
            let why = match edits {
                // Run with a change, it would undo it or mix with it.
                true => Some("It changes files of the repository; a check must leave them as they are.".to_owned()),
                false => reproduction::rejected(&self.session.task.statement, &base),
            };
            match why {
                None => return Ok(vec![Red { command, base }]),
                Some(why) => rejected = format!("{why}\n\nIt was:\n\n```\n{}\n```", cut(&code, 1500)),
            }
        }
        Ok(Vec::new())
    }

    /// Runs a command on the unchanged code and records how it ends.
    async fn at_base(&mut self, command: &str) -> Result<Option<voe_trace::Outcome>, LoopEnd> {
        let known = |check: &&Check| check.code_tree.is_empty() && check.command == command;
        if let Some(check) = self.session.log.ledger.checks().iter().find(known) {
            return Ok(Some(check.with.clone()));
        }
        Ok(self.session.run_check(command).await?.map(|check| check.with))
    }

    async fn ask_for_change(
        &mut self,
        keys: &Pipeline,
        place: &SuspectFunction,
        shown: &Excerpt,
        reds: &[Red],
        (tried, failure): (&str, &str),
    ) -> Result<String, LoopEnd> {
        let red = reds.first();
        let values = context! {
            statement => self.statement(keys),
            path => &place.path,
            source => &shown.text,
            what => &shown.what,
            write => writes(keys, shown),
            name => &place.name,
            check => red.map(|red| cut(&red.command, 2000)),
            output => red.map(|red| last_lines(&red.base.tail, 12)),
            tried => cut(tried, 2000),
            failure => cut(failure, 1500),
        };
        self.question(render(&keys.ask.change, values)).await
    }

    fn statement(&self, keys: &Pipeline) -> String {
        cut(self.session.task.statement.trim(), keys.statement_chars)
    }

    /// What `red` shows about the current code.
    async fn with_change(&mut self, red: &Red, code_tree: &str) -> Result<Option<Check>, LoopEnd> {
        let known = |c: &&Check| c.command == red.command && c.code_tree == code_tree && c.without.is_some();
        if let Some(check) = self.session.log.ledger.checks().iter().find(known) {
            return Ok(Some(check.clone()));
        }
        let Some(mut check) = self.session.run_command(&red.command).await? else { return Ok(None) };
        let limit = Duration::try_from_secs_f64(self.session.strategy.evidence.timeout_s).unwrap_or_default();
        let judged = judge(&CheckRuns {
            command: &red.command,
            with: &check.with,
            without: &red.base,
            change: &ChangeFacts::default(),
            origin: CheckOrigin::Made,
            was_green: false,
            limit,
        });
        check = Check { without: Some(red.base.clone()), ..judged.onto(check) };
        self.session.log.write(Event::Check(Box::new(check.clone())))?;
        Ok(Some(check))
    }
}

/// Search results; empty if the search failed.
fn found<T: Default>(answer: Result<CallEnd<T>, WorkspaceError>) -> Result<T, LoopEnd> {
    match answer {
        Ok(CallEnd::Result(found)) => Ok(found),
        Ok(CallEnd::Died(_)) | Err(WorkspaceError::Toolbox(ClientError::Answer(_))) => Ok(T::default()),
        Err(error) => Err(error.into()),
    }
}

/// What the model is asked to write.
fn writes(keys: &Pipeline, shown: &Excerpt) -> &'static str {
    match keys.write {
        Writes::Replace => "replace",
        Writes::Function if shown.function => "function",
        Writes::File | Writes::Function if shown.range.0 == 0 => "file",
        // A file that is not shown completely can't be rewritten.
        Writes::File | Writes::Function => "replace",
    }
}

/// The line at which a place's function is defined, from 0. It may have moved since it was found; the name has not.
fn definition(place: &SuspectFunction, lines: &[String]) -> Option<usize> {
    let defines = |line: &String| !place.name.is_empty() && place::defined(line) == Some(&place.name);
    let near = lines.get(place.line - 1).is_some_and(defines).then_some(place.line - 1);
    near.or_else(|| lines.iter().position(defines))
}

/// The part of a file that is shown for a place. `function`: the lines of its function, if they are known.
fn show(place: &SuspectFunction, lines: &[String], keys: &Pipeline, function: Option<(usize, usize)>) -> Excerpt {
    let text = |range: (usize, usize)| lines[range.0..range.1].join("\n");
    let fits = |range: (usize, usize)| text(range).chars().count() <= keys.source_chars;
    let whole = (0, lines.len());
    let shown =
        |range: (usize, usize), what: String, function: bool| Excerpt { range, text: text(range), what, function };
    if let Some(range) = function.filter(|range| fits(*range)) {
        return shown(range, format!("the function {}", place.name), true);
    }
    if fits(whole) {
        return shown(whole, "the whole file".into(), false);
    }
    let (mut begin, mut end) = (place.line.saturating_sub(1).min(lines.len()), place.line.min(lines.len()));
    while (begin > 0 || end < lines.len()) && fits((begin.saturating_sub(1), (end + 3).min(lines.len()))) {
        (begin, end) = (begin.saturating_sub(1), (end + 3).min(lines.len()));
    }
    // Not from the first line on, so that it is not mistaken for the whole file.
    let begin = begin.max(1).min(end);
    shown((begin, end), format!("lines {} to {end}", begin + 1), false)
}

/// Checks the pipeline's keys. The error is one line.
pub(crate) fn validate(strategy: &Strategy) -> Result<(), String> {
    let Some(keys) = &strategy.pipeline else { return Ok(()) };
    for (key, text) in [("place", &keys.ask.place), ("check", &keys.ask.check), ("change", &keys.ask.change)] {
        if !text.contains("statement") {
            return Err(format!(
                "pipeline.ask.{key} does not mention `statement`: the model would not learn what is wrong"
            ));
        }
    }
    if strategy.red_first.is_some() || strategy.verify.method != crate::strategy::Method::None {
        return Err("a pipeline runs its own verification: [verify] and [red_first] do nothing in it".into());
    }
    Ok(())
}
