//! Asks the model for the next reply, within the window and the limits.

use voe_model::{Delta, ModelError, ModelRequest, Sampling, fit_max_tokens};
use voe_trace::event::RecordedReply;
use voe_trace::{Event, Message, Reason};

use super::{Session, sleep_until, stopped};
use crate::end::LoopEnd;
use crate::record::Log;

/// How many context overflows in a row are answered with compaction.
const OVERFLOWS: u32 = 3;

impl Session {
    /// The model's next reply, written to the record.
    pub(crate) async fn ask(&mut self) -> Result<RecordedReply, LoopEnd> {
        let mut overflows = 0;
        loop {
            let messages = self.log.conversation.messages.len();
            match self.request(None).await? {
                Ok(reply) => {
                    let reply = self.recorded(reply, messages);
                    self.log.write(Event::Reply(Box::new(reply.clone())))?;
                    return Ok(reply);
                }
                Err(ModelError::ContextOverflow { window, .. }) if overflows < OVERFLOWS => {
                    overflows += 1;
                    // The server's own number is better than the probed one.
                    self.window = window.or(self.window);
                    self.compact(true).await?;
                }
                Err(error) => return Err(LoopEnd::Model(error)),
            }
        }
    }

    /// One request. `instead`: other messages than the conversation, without tools (a summary, a question from voe).
    pub(crate) async fn request(
        &mut self,
        instead: Option<&[Message]>,
    ) -> Result<Result<voe_model::ModelReply, ModelError>, LoopEnd> {
        let sampling = self.strategy.sampling.clone();
        self.request_with(instead, &sampling, self.strategy.limits.reply_tokens).await
    }

    /// The same with a sampling and a limit of tokens of its own.
    pub(crate) async fn request_with(
        &mut self,
        instead: Option<&[Message]>,
        sampling: &Sampling,
        reply_tokens: u64,
    ) -> Result<Result<voe_model::ModelReply, ModelError>, LoopEnd> {
        let prompt = match instead {
            Some(messages) => self.estimator.estimate(messages, &[]),
            None => self.prompt_tokens(),
        };
        let (deadline, step) = (self.deadline, self.log.conversation.step + 1);
        let Log { conversation, observer, .. } = &mut self.log;
        let request = ModelRequest {
            messages: instead.unwrap_or(&conversation.messages),
            tools: if instead.is_some() { &[] } else { &self.tools },
            sampling,
            max_tokens: fit_max_tokens(Some(reply_tokens), self.window, prompt),
            stream: self.stream,
        };
        let mut retries = Vec::new();
        let mut on = |delta: Delta<'_>| {
            if let Delta::Retry { kind, error, wait } = delta {
                let error = error.to_owned();
                retries.push(Event::Retry { step, kind, error, wait: wait.as_secs_f64() });
            }
            observer.delta(delta);
        };
        let reply = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Reason::Interrupted),
            () = sleep_until(deadline) => Err(Reason::MaxWall),
            reply = self.model.complete(request, &mut on) => Ok(reply),
        };
        for retry in retries {
            self.log.write(retry)?;
        }
        reply.map_err(LoopEnd::Reason)
    }

    /// Tokens of the conversation, by the server's last count and an estimate for what came since. Constant work per
    /// step.
    pub(crate) fn prompt_tokens(&self) -> u64 {
        let messages = &self.log.conversation.messages;
        match self.log.counters.measured {
            (counted, seen) if counted > 0 && seen <= messages.len() => {
                counted + self.estimator.estimate(&messages[seen..], &[])
            }
            _ => self.estimator.estimate(messages, &self.tools),
        }
    }

    pub(crate) fn recorded(&mut self, reply: voe_model::ModelReply, messages: usize) -> RecordedReply {
        // Learning once is enough, and scanning the whole conversation each time would cost more and more.
        if self.log.counters.measured.0 == 0 && !reply.estimated {
            self.estimator.learn(&self.log.conversation.messages, &self.tools, &reply.usage);
        }
        RecordedReply {
            step: self.log.conversation.step + 1,
            message: reply.message,
            finish_reason: reply.finish_reason,
            usage: reply.usage,
            estimated: reply.estimated,
            seconds: reply.seconds,
            first_token: reply.first_token,
            repairs: reply.repairs,
            malformed: reply.malformed,
            request_messages: messages,
            request_bytes: reply.request_bytes,
        }
    }
}
