//! The values of settings that have a fixed few. `--help` lists them, and a wrong one is refused before anything is done.

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use voe_sandbox::BackendChoice;

use super::units;

/// How the model's server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    Openai,
    Anthropic,
}

/// Whether the patch is applied to the user's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Apply {
    Ask,
    #[value(alias = "true")]
    Yes,
    #[value(alias = "false")]
    No,
}

/// A switch on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    #[value(aliases = ["yes", "true", "1"])]
    On,
    #[value(aliases = ["no", "false", "0"])]
    Off,
}

/// A parser of one of a few values that a library knows by their words: the libraries know of no command line.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(word)).try_map(move |text| {
        let value = all.into_iter().find(|value| word(*value) == text);
        value.ok_or_else(|| format!("{text:?} is not one of the possible values"))
    })
}

/// A parser of the flag `--sandbox`.
pub(crate) fn sandbox() -> impl TypedValueParser<Value = BackendChoice> {
    one_of(BackendChoice::ALL, BackendChoice::word)
}

/// A parser that checks a duration and keeps its text.
///
/// # Errors
/// It is not a duration.
pub(crate) fn duration(text: &str) -> Result<String, String> {
    units::duration(text).map(|_| text.to_owned())
}

/// The words of `--sandbox`, for [`super::kind::SettingKind::Word`].
pub(super) fn sandboxes() -> Vec<PossibleValue> {
    BackendChoice::ALL.map(|choice| PossibleValue::new(choice.word())).into()
}

/// The words of a set, for [`super::kind::SettingKind::Word`].
pub(super) fn of<T: ValueEnum>() -> Vec<PossibleValue> {
    T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect()
}

/// The word for a value.
pub(super) fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default()
}
