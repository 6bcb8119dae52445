//! The record while it is being written, with its folds. The attempt has no other state: resuming it means folding
//! its record again.
//!
//! - [`counters`]: consecutive counts, and facts on the last reply
//! - [`habits`]: whether the model repeats itself ([`loops`]), and which edits it has not verified ([`edits`])
//! - `own_text`: which part of the first messages was not added by a compaction
//! - [`history`]: the states of the workspace and the verdicts on them
//! - `unsent`: facts about checks that the model does not have yet

pub mod counters;
pub mod edits;
pub mod habits;
pub mod history;
pub mod loops;
pub(crate) mod own_text;
pub(crate) mod unsent;

use std::collections::BTreeMap;
use std::path::Path;

use voe_evidence::Ledger;
use voe_model::Delta;
use voe_trace::event::ToolResult;
use voe_trace::{Check, CheckFile, CheckFileCopy, Conversation, Event, Record, WriteError, Writer};

use counters::Counters;
use habits::Habits;
use history::StateHistory;
use own_text::OwnText;
use unsent::UnsentFacts;

use crate::record::loops::Repetition;
use crate::strategy::Strategy;

/// An observer of an attempt: a terminal, a test, a run's progress.
pub trait Observer: Send {
    /// An event was written.
    fn record(&mut self, record: &Record);
    /// A part of a reply arrived.
    fn delta(&mut self, _delta: Delta<'_>) {}
}

/// An observer that ignores everything.
impl Observer for () {
    fn record(&mut self, _record: &Record) {}
}

/// The record and its folds.
pub struct Log {
    writer: Writer,
    /// Gets each event once it is written.
    pub observer: Box<dyn Observer>,
    /// The messages of the next request, and the tokens and cost so far.
    pub conversation: Conversation,
    /// The evidence on the edits.
    pub ledger: Ledger,
    /// The states of the workspace and the verdicts on them.
    pub history: StateHistory,
    /// Consecutive counts.
    pub counters: Counters,
    /// The model's habits.
    habits: Habits,
    /// Which part of the first messages was not added by a compaction.
    pub(crate) own_text: OwnText,
    /// Facts about checks that the model does not have yet.
    pub(crate) unsent: UnsentFacts,
    /// The file with the scratch files as they were at the end of the last step, where they are kept.
    pub scratch: Option<String>,
    /// Copies of files of checks, by path and hash.
    copies: BTreeMap<(String, String), CheckFileCopy>,
    /// The last patch, in case the workspace is lost.
    pub(crate) patch: String,
}

impl Log {
    /// Continues from `records`, which are already in `writer`'s file (none for a new attempt).
    pub fn new(writer: Writer, observer: Box<dyn Observer>, records: &[Record], strategy: &Strategy) -> Self {
        let (conversation, ledger, history) = (Conversation::default(), Ledger::default(), StateHistory::default());
        let (counters, habits) = (Counters::default(), Habits::new(strategy));
        let mut log = Self {
            writer,
            observer,
            conversation,
            ledger,
            history,
            counters,
            habits,
            own_text: OwnText::default(),
            unsent: UnsentFacts::default(),
            scratch: None,
            copies: BTreeMap::new(),
            patch: String::new(),
        };
        for record in records {
            log.fold(&record.event);
        }
        log
    }

    /// Writes an event and folds it in.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn write(&mut self, event: Event) -> Result<(), WriteError> {
        let event = match event {
            Event::Check(check) => Event::Check(Box::new(self.ledger.counted(*check))),
            other => other,
        };
        let record = self.writer.write(event)?;
        self.fold(&record.event);
        self.observer.record(&record);
        Ok(())
    }

    fn fold(&mut self, event: &Event) {
        self.habits.apply(event, &self.ledger, &self.counters);
        self.counters.apply(event);
        self.own_text.apply(event, &self.conversation.messages);
        self.conversation.apply(event);
        self.ledger.apply(event);
        self.unsent.apply(event);
        self.history.apply(event);
        match event {
            Event::Patch { patch, .. } => self.patch.clone_from(patch),
            Event::CheckFiles { files, .. } => {
                let keyed = files.iter().map(|copy| ((copy.path.clone(), copy.hash.clone()), copy.clone()));
                self.copies.extend(keyed);
            }
            Event::StepEnd { scratch, .. } => self.scratch.clone_from(scratch),
            _ => {}
        }
    }

    /// What a result that is about to be written adds to the model's habits: whether the call repeats others, and the files to
    /// nudge the model about.
    pub(crate) fn habit(&self, result: &ToolResult) -> (Repetition, Vec<String>) {
        self.habits.ahead(result, &self.ledger, &self.counters)
    }

    /// The copies of a check's files.
    pub(crate) fn copies(&self, check: &Check) -> Vec<CheckFileCopy> {
        let copy = |file: &CheckFile| self.copies.get(&(file.path.clone(), file.hash.clone())).cloned();
        check.files.iter().filter_map(copy).collect()
    }

    /// Whether the record has this copy.
    pub(crate) fn has_copy(&self, copy: &CheckFileCopy) -> bool {
        self.copies.contains_key(&(copy.path.clone(), copy.hash.clone()))
    }

    /// Seconds since the attempt began.
    pub fn elapsed(&self) -> f64 {
        self.writer.elapsed()
    }

    /// The record's file.
    pub fn path(&self) -> &std::path::Path {
        self.writer.path()
    }

    /// Flushes the record to disk.
    ///
    /// # Errors
    /// The data could not be written to disk.
    pub fn sync(&self) -> Result<(), WriteError> {
        self.writer.sync()
    }
}

/// The commands that a record has, each once, with the workspace's path as it is now.
pub(crate) fn earlier_commands(records: &[Record], workspace: &Path) -> Vec<String> {
    let mut earlier = String::new();
    let mut commands = Vec::new();
    for record in records {
        match &record.event {
            Event::Start(start) => earlier.clone_from(&start.task.workspace),
            Event::Result(result) => commands.extend(habits::command(&result.tool, &result.arguments)),
            Event::Check(check) => commands.push(check.command.as_str()),
            _ => {}
        }
    }
    let mut seen = std::collections::HashSet::new();
    commands.retain(|command| seen.insert(*command));
    let now = workspace.display().to_string();
    let moved = earlier.len() > 1 && earlier != now;
    commands
        .into_iter()
        .map(|command| if moved { command.replace(&earlier, &now) } else { command.to_owned() })
        .collect()
}
