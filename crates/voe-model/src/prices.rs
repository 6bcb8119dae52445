//! Prices of hosted models: a dated table, overridden by a user's own.

use serde::Deserialize;
use voe_trace::chat::Usage;

/// The table that ships.
const SHIPPED: &str = include_str!("../prices.toml");

/// Why a table of prices can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the table of prices: {0}")]
pub struct PricesError(String);

/// A table of prices.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The date of the table.
    #[serde(default)]
    pub date: String,
    /// The source of the table.
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    price: Vec<Price>,
}

/// The price of a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    /// Its name. A version with a date (`NAME-20250929`) is the same model.
    model: String,
    input: f64,
    output: f64,
    cached: Option<f64>,
    cache_write: Option<f64>,
    /// What long prompts cost.
    long: Option<Long>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    above: u64,
    input: f64,
    output: f64,
    cached: Option<f64>,
    cache_write: Option<f64>,
}

impl Prices {
    /// The table that ships. It is checked by a test; one that could not be read would be empty.
    pub fn shipped() -> Self {
        Self::from_toml(SHIPPED).unwrap_or_default()
    }

    /// Reads a table in TOML: `[[price]]` with `model` (a name), `input`, `output`, and where they differ
    /// `cached` and `cache_write`, in US dollars for a million tokens.
    ///
    /// # Errors
    /// The text is not TOML, or has a key that a price does not have.
    pub fn from_toml(text: &str) -> Result<Self, PricesError> {
        toml::from_str(text).map_err(|error: toml::de::Error| PricesError(error.to_string()))
    }

    /// Puts a user's own prices before these, so that they take precedence.
    pub fn with(mut self, own: Self) -> Self {
        self.price.retain(|price| !own.price.iter().any(|other| price.model == other.model));
        self.price.extend(own.price);
        self
    }

    /// What `usage` costs in US dollars; `None` for a model without a price.
    pub fn cost(&self, model: &str, usage: &Usage) -> Option<f64> {
        // Another model's name may begin the same: one that was made of it, or a later version.
        let name = model.strip_prefix("anthropic/").unwrap_or(model);
        let fits = |price: &&Price| {
            let rest = name.strip_prefix(&price.model).or(model.strip_prefix(&price.model));
            rest.is_some_and(|rest| rest.is_empty() || is_date(rest))
        };
        let price = self.price.iter().find(fits)?;
        let (input, output, cached, cache_write) = match &price.long {
            Some(long) if usage.prompt > long.above => (long.input, long.output, long.cached, long.cache_write),
            _ => (price.input, price.output, price.cached, price.cache_write),
        };
        let (read, written) = (usage.cached.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let plain = usage.prompt.saturating_sub(read + written);
        let parts = [
            (plain, input),
            (read, cached.unwrap_or(input)),
            (written, cache_write.unwrap_or(input)),
            (usage.output, output),
        ];
        Some(parts.iter().map(|(tokens, price)| *tokens as f64 * price / 1e6).sum())
    }
}

/// Whether the rest of a name is the date of a version: `-20250929`.
fn is_date(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u64, cached: u64, cache_write: u64, output: u64) -> Usage {
        Usage { prompt, output, cached: Some(cached), cache_write: Some(cache_write), ..Usage::default() }
    }

    fn close(cost: Option<f64>, dollars: f64) {
        assert!(cost.is_some_and(|cost| (cost - dollars).abs() < 1e-9), "{cost:?} is not {dollars}");
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let prices = Prices::from_toml(SHIPPED).unwrap();
        assert!(prices.date.starts_with("20") && prices.source.starts_with("https://"));
        // 1M of each: plain, read from the cache, written to it, output.
        close(
            prices.cost("claude-sonnet-4-5-20250929", &usage(3_000_000, 1_000_000, 1_000_000, 1_000_000)),
            3.0 + 0.3 + 3.75 + 15.0,
        );
        close(prices.cost("anthropic/claude-opus-5-5", &usage(1_000_000, 0, 0, 0)), 4.0);
        close(prices.cost("claude-opus-5", &usage(1_000_000, 0, 0, 0)), 5.0);
        close(prices.cost("claude-haiku-5-5", &usage(100_000, 0, 0, 0)), 0.01);
        close(prices.cost("claude-haiku-5-5", &usage(200_000, 0, 0, 0)), 0.1);
    }

    #[test]
    fn a_model_without_a_price_costs_nothing_that_is_known() {
        for model in
            ["qwen3.5-35b-a3b", "claude-opus-5-distilled-7b", "someone/claude-opus-5", "claude-opus-5-2025", "claude"]
        {
            assert_eq!(Prices::shipped().cost(model, &usage(1000, 0, 0, 10)), None, "{model}");
        }
    }

    #[test]
    fn a_user_s_own_price_goes_before_those_that_ship() {
        let own = "[[price]]\nmodel = \"claude-sonnet-4-5\"\ninput = 1.0\noutput = 2.0\n[[price]]\nmodel = \"qwen/qwen3-coder\"\ninput = 0.5\noutput = 0.5\n";
        let prices = Prices::shipped().with(Prices::from_toml(own).unwrap());
        close(prices.cost("claude-sonnet-4-5", &usage(1_000_000, 1_000_000, 0, 1_000_000)), 3.0);
        close(prices.cost("qwen/qwen3-coder", &usage(1_000_000, 0, 0, 0)), 0.5);
        close(prices.cost("claude-opus-5", &usage(1_000_000, 0, 0, 0)), 5.0);
        assert!(Prices::from_toml("[[price]]\nmodel = \"x\"\n").unwrap_err().to_string().contains("input"));
    }
}
