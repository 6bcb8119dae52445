//! Estimates the tokens of a text, and fits the limit of a reply.

use std::sync::atomic::{AtomicU64, Ordering};

use voe_trace::chat::{Message, Usage};

use crate::tool::ToolSpec;

/// Bytes a token, before anything has been measured: code in the vocabularies of today's open models has 3 to 4.
const BYTES_PER_TOKEN: f64 = 3.2;

/// Approximate tokens that a chat template adds around each message.
const PER_MESSAGE: u64 = 6;

/// The estimated tokens of a prompt of `messages` and `tools`, without calibration: rather too many than too few.
pub fn estimate_tokens(messages: &[Message], tools: &[ToolSpec]) -> u64 {
    tokens_of(bytes_of(messages, tools), messages.len(), BYTES_PER_TOKEN)
}

/// The most tokens that a reply may have so that prompt and reply fit the window: `wanted`, or what is left of `window`
/// after `prompt` tokens and a margin for the error of an estimate (1/32 of the prompt, at least 64). `None` for the
/// window: unknown, `wanted` stands. Never 0: it is up to the server to refuse a prompt that does not fit.
pub fn fit_max_tokens(wanted: Option<u64>, window: Option<u64>, prompt: u64) -> Option<u64> {
    let Some(window) = window else { return wanted };
    let left = window.saturating_sub(prompt + (prompt / 32).max(64)).max(1);
    Some(wanted.map_or(left, |wanted| wanted.min(left)))
}

/// Estimates calibrated by what the server counted: bytes a token, learnt from each reply's usage.
#[derive(Debug)]
pub struct Estimator {
    /// Bytes a token, as the bits of an `f64`.
    ratio: AtomicU64,
}

impl Default for Estimator {
    fn default() -> Self {
        Self { ratio: AtomicU64::new(BYTES_PER_TOKEN.to_bits()) }
    }
}

impl Estimator {
    /// Learns from a prompt that the server counted. Implausible counts (0, or so few that messages must have been
    /// dropped, as Ollama does silently) are ignored.
    pub fn learn(&self, messages: &[Message], tools: &[ToolSpec], usage: &Usage) {
        let bytes = bytes_of(messages, tools);
        let text = usage.prompt.saturating_sub(PER_MESSAGE * messages.len() as u64);
        if text == 0 {
            return;
        }
        let ratio = bytes as f64 / text as f64;
        if (1.0..=6.0).contains(&ratio) {
            self.ratio.store(ratio.to_bits(), Ordering::Relaxed);
        }
    }

    /// The estimated tokens of a prompt.
    pub fn estimate(&self, messages: &[Message], tools: &[ToolSpec]) -> u64 {
        tokens_of(bytes_of(messages, tools), messages.len(), self.ratio())
    }

    /// The estimated tokens of a text.
    pub fn text(&self, text: &str) -> u64 {
        (text.len() as f64 / self.ratio()).ceil() as u64
    }

    fn ratio(&self) -> f64 {
        f64::from_bits(self.ratio.load(Ordering::Relaxed))
    }
}

fn tokens_of(bytes: usize, messages: usize, ratio: f64) -> u64 {
    (bytes as f64 / ratio).ceil() as u64 + PER_MESSAGE * messages as u64
}

fn bytes_of(messages: &[Message], tools: &[ToolSpec]) -> usize {
    let message = |m: &Message| {
        m.content.len()
            + m.reasoning.as_ref().map_or(0, String::len)
            + m.tool_calls.iter().map(|call| call.name.len() + call.arguments.len() + 16).sum::<usize>()
    };
    let tool = |t: &ToolSpec| t.name.len() + t.description.len() + t.parameters.to_string().len() + 32;
    messages.iter().map(message).sum::<usize>() + tools.iter().map(tool).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_fitted_to_what_the_prompt_leaves() {
        assert_eq!(fit_max_tokens(Some(32_768), Some(8192), 4000), Some(8192 - 4000 - 125));
        assert_eq!(fit_max_tokens(Some(1000), Some(8192), 4000), Some(1000));
        assert_eq!(fit_max_tokens(None, Some(8192), 64), Some(8192 - 128));
        assert_eq!(fit_max_tokens(Some(1000), None, 4000), Some(1000));
        assert_eq!(fit_max_tokens(Some(1000), Some(100), 4000), Some(1));
    }

    #[test]
    fn an_estimate_follows_what_the_server_counted_and_not_what_it_dropped() {
        let messages = [Message::user("x".repeat(10_000))];
        let estimator = Estimator::default();
        assert_eq!(estimator.estimate(&messages, &[]), estimate_tokens(&messages, &[]));
        estimator.learn(&messages, &[], &Usage { prompt: 2506, ..Usage::default() });
        assert_eq!(estimator.estimate(&messages, &[]), 2506);
        // The count of a server that cut the prompt to 512 tokens is useless.
        estimator.learn(&messages, &[], &Usage { prompt: 512, ..Usage::default() });
        assert_eq!(estimator.estimate(&messages, &[]), 2506);
    }
}
