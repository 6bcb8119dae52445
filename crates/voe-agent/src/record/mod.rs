//! The record while it is being written, with what is folded from it. The attempt has no other memory: resuming it is folding
//! its record again.
//!
//! - [`counters`]: counts in a row, and what is known of the last reply
//! - [`habits`]: whether the model repeats itself ([`loops`]), and which edits it has not verified ([`edits`])
//! - `own_text`: what of the first messages is not a compaction's
//! - [`trail`]: what was verified, and what came of it

pub mod counters;
pub mod edits;
pub mod habits;
pub mod loops;
pub(crate) mod own_text;
pub mod trail;

use voe_evidence::Ledger;
use voe_model::Delta;
use voe_trace::event::ToolResult;
use voe_trace::{Conversation, Event, Record, WriteError, Writer};

use counters::Counters;
use habits::Habits;
use own_text::OwnText;
use trail::Trail;

use crate::record::loops::Seen;
use crate::strategy::Strategy;

/// Who watches an attempt: a terminal, a test, a run's progress.
pub trait Observer: Send {
    /// An event was written.
    fn record(&mut self, record: &Record);
    /// A part of a reply came.
    fn delta(&mut self, _delta: Delta<'_>) {}
}

/// Nobody watches.
impl Observer for () {
    fn record(&mut self, _record: &Record) {}
}

/// The record and its folds.
pub struct Log {
    writer: Writer,
    /// Gets each event once it is written.
    pub observer: Box<dyn Observer>,
    /// What the next request holds, and what was spent.
    pub conversation: Conversation,
    /// What is known about the edits.
    pub ledger: Ledger,
    /// What was verified, and what came of it.
    pub trail: Trail,
    /// Counts in a row.
    pub counters: Counters,
    /// What the model does call after call.
    habits: Habits,
    /// What of the first messages is not a compaction's.
    pub(crate) own_text: OwnText,
    /// The file with the scratch files as they were at the end of the last step, where they are kept.
    pub scratch: Option<String>,
    /// The last patch: what is left of the work if the workspace is lost.
    pub(crate) patch: String,
}

impl Log {
    /// Goes on from `records`, which `writer`'s file already holds (none for a new attempt).
    pub fn new(writer: Writer, observer: Box<dyn Observer>, records: &[Record], strategy: &Strategy) -> Self {
        let (conversation, ledger, trail) = (Conversation::default(), Ledger::default(), Trail::default());
        let (counters, habits) = (Counters::default(), Habits::new(strategy));
        let mut log = Self {
            writer,
            observer,
            conversation,
            ledger,
            trail,
            counters,
            habits,
            own_text: OwnText::default(),
            scratch: None,
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
        self.trail.apply(event);
        match event {
            Event::Patch { patch, .. } => self.patch.clone_from(patch),
            Event::StepEnd { scratch, .. } => self.scratch.clone_from(scratch),
            _ => {}
        }
    }

    /// What a result that is about to be written adds to the model's habits: whether the call repeats others, and the files that
    /// the model is to be nudged about.
    pub(crate) fn habit(&self, result: &ToolResult) -> (Seen, Vec<String>) {
        self.habits.ahead(result, &self.ledger, &self.counters)
    }

    /// Seconds since the attempt began.
    pub fn elapsed(&self) -> f64 {
        self.writer.elapsed()
    }

    /// The record's file.
    pub fn path(&self) -> &std::path::Path {
        self.writer.path()
    }

    /// Asks the disk to keep what was written.
    ///
    /// # Errors
    /// The disk reports that it could not keep what was written.
    pub fn sync(&self) -> Result<(), WriteError> {
        self.writer.sync()
    }
}
