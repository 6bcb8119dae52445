//! The models that answer in the arms of a run. An existing run keeps the model that it was started with; the address of its
//! server comes from the user, as for every command: it is never taken from a run, except for the usual local ones.

use std::path::Path;

use voe_bench::models::Answers;
use voe_bench::run::Server;
use voe_bench::script::Scripts;

use super::args;
use crate::UsageError;
use crate::model::{self, ModelNameRule};
use crate::settings::{Settings, ValueSource, table};
use crate::show::one_line;

/// A model of a run.
pub(super) struct RunModel {
    pub(super) answers: Answers,
    /// Description of the model and its server, in one line.
    pub(super) about: String,
    /// The facts that the run records; `None` for a script.
    pub(super) server: Option<Server>,
}

/// Finds the model `name`. `then`: the one that answered so far.
///
/// # Errors
/// No server answers, or the model or its window differs from what the run was started with.
pub(super) async fn find(
    args: &args::Run,
    settings: &Settings,
    name: &str,
    then: Option<&Server>,
) -> anyhow::Result<RunModel> {
    if let Some(file) = name.strip_prefix("scripted:") {
        let scripts = Scripts::read(Path::new(file)).map_err(|e| UsageError(e.to_string()))?;
        return Ok(RunModel { answers: Answers::Scripted(scripts), about: "scripted".to_owned(), server: None });
    }
    let mut settings = settings.clone();
    args.model_flags(name).set(&mut settings);
    let mut found = match then {
        Some(then) => {
            as_begun(&mut settings, then)?;
            model::find_again(&settings, &then.base_url, ModelNameRule::Listed).await?
        }
        None => model::find(&settings, ModelNameRule::Listed).await?,
    };
    // Some servers report the window only while they have the model in memory.
    if let Some(window) = then.and_then(|then| then.window)
        && found.model.facts().window.is_none()
    {
        settings.flag_count(&table::WINDOW, Some(window));
        found = model::find_again(&settings, then.map_or("", |then| &then.base_url), ModelNameRule::Listed).await?;
    }
    for note in found.notes {
        errln!("voe: {}", one_line(&note));
    }
    let facts = found.model.facts();
    if let Some(then) = then {
        same_window(then.window, facts.window)?;
    }
    let window = facts.window.map(|window| format!(", window {window}")).unwrap_or_default();
    let kind = facts.server.as_deref().unwrap_or(&facts.provider);
    let about = format!("{} at {} ({kind}{window})", facts.name, facts.base_url);
    let server = Server { model: facts.name, provider: facts.provider, base_url: facts.base_url, window: facts.window };
    Ok(RunModel { answers: Answers::Shared(found.model), about, server: Some(server) })
}

/// Sets what the run recorded and the user has not set.
fn as_begun(settings: &mut Settings, then: &Server) -> anyhow::Result<()> {
    let provider = settings.text(&table::PROVIDER).unwrap_or_default();
    if provider != then.provider {
        let text = format!(
            "this run was started with the provider {0}, but your setting is {provider:?}; set VOE_PROVIDER={0}",
            one_line(&then.provider)
        );
        return Err(UsageError(text).into());
    }
    // An arm without a model uses the one that was found.
    if !matches!(settings.get(&table::MODEL), Some((_, ValueSource::Flag))) && !model::reads_a_file(&then.model) {
        settings.flag(&table::MODEL, Some(then.model.clone()));
    }
    Ok(())
}

/// The window decides when the conversation is compacted and when an attempt ends.
fn same_window(then: Option<u64>, now: Option<u64>) -> anyhow::Result<()> {
    match (then, now) {
        (Some(then), Some(now)) if then != now => Err(UsageError(format!(
            "this run was started with a context window of {then} tokens, but the server now has {now}; start it as before, or \
             set VOE_WINDOW={then}"
        ))
        .into()),
        _ => Ok(()),
    }
}
