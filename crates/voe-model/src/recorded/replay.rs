//! Replies of a recorded attempt.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use voe_trace::chat::{Message, Usage};
use voe_trace::event::{self, Event, ModelFacts, Record, RewriteKind};
use voe_trace::fold::Conversation;

use super::show;
use crate::error::ModelError;
use crate::model::{Delta, Model, ModelReply, ModelRequest, ReplyFuture};

/// Answers with the replies of a recorded attempt, in order. A request without tools asks for a summary: it gets what the
/// record's next summarising compaction put into the conversation.
#[derive(Debug)]
pub struct ReplayModel {
    facts: ModelFacts,
    replies: Vec<event::RecordedReply>,
    summaries: Vec<(String, Usage)>,
    /// How many replies and summaries were served.
    served: Mutex<(usize, usize)>,
}

impl ReplayModel {
    /// The replies among `records`.
    pub fn from_records(records: &[Record]) -> Self {
        let mut replay =
            Self { facts: ModelFacts::default(), replies: Vec::new(), summaries: Vec::new(), served: Mutex::default() };
        let mut conversation = Conversation::default();
        for record in records {
            match &record.event {
                Event::Start(start) => replay.facts = start.model.clone(),
                Event::Reply(reply) => replay.replies.push((**reply).clone()),
                Event::ConversationRewritten(rewritten) if rewritten.kind == RewriteKind::Summary => {
                    let new = rewritten.messages.iter().filter(|message| !conversation.messages.contains(message));
                    let text: Vec<&str> = new.map(|message| message.content.as_str()).collect();
                    replay.summaries.push((text.join("\n\n"), rewritten.usage));
                }
                _ => {}
            }
            conversation.apply(&record.event);
        }
        replay
    }

    /// How many replies are left.
    pub fn left(&self) -> usize {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        self.replies.len() - served.0
    }

    fn next(&self, request: &ModelRequest<'_>) -> Result<ModelReply, ModelError> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if request.tools.is_empty()
            && let Some((text, usage)) = self.summaries.get(served.1)
        {
            served.1 += 1;
            return Ok(reply(Message::assistant(text.as_str()), "stop", *usage));
        }
        let Some(recorded) = self.replies.get(served.0) else {
            return Err(ModelError::OutOfReplies { what: "trajectory", served: served.0 });
        };
        served.0 += 1;
        Ok(ModelReply {
            estimated: recorded.estimated,
            repairs: recorded.repairs.clone(),
            malformed: recorded.malformed.clone(),
            ..reply(recorded.message.clone(), &recorded.finish_reason, recorded.usage)
        })
    }
}

fn reply(message: Message, finish_reason: &str, usage: Usage) -> ModelReply {
    ModelReply {
        message,
        finish_reason: finish_reason.to_owned(),
        usage,
        estimated: false,
        seconds: 0.0,
        first_token: None,
        repairs: Vec::new(),
        salvaged: false,
        malformed: None,
        request_bytes: 0,
    }
}

impl Model for ReplayModel {
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let begun = Instant::now();
            let mut reply = self.next(&request)?;
            show(&reply.message, on);
            reply.seconds = begun.elapsed().as_secs_f64();
            Ok(reply)
        })
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts { provider: "replay".into(), ..self.facts.clone() }
    }
}
