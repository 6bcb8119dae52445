//! From settings to a model that answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use voe_model::{
    Anthropic, AnthropicConfig, Idle, LOCAL_SERVERS, Model, OpenAi, OpenAiConfig, Prices, ReplayModel, Scripted,
    Secret, ServerProbe,
};

use crate::settings::words::Provider;
use crate::settings::{Settings, ValueSource, table};
use crate::{ModelFailed, UsageError, listener};

/// The limit on one question of a probe: a local server answers immediately, a remote one soon.
const QUESTION: Duration = Duration::from_secs(5);

/// More than any model's window is, in tokens: what a server claims decides when the conversation is shortened.
const MOST_WINDOW: u64 = 16 << 20;

/// A local server by its kind, and where it usually is.
type LocalServer = (&'static str, &'static str);

/// A model and what the user should know about it.
pub(crate) struct FoundModel {
    pub(crate) model: Arc<dyn Model>,
    pub(crate) notes: Vec<String>,
}

/// What a name that the user gives must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelNameRule {
    /// Whatever the server makes of it: some take names that they don't list.
    Any,
    /// One that the server lists, if it lists any. An experiment says which model was asked, so it must not be another one,
    /// which servers that have a single model answer with whatever the name.
    Listed,
}

/// The model that the settings ask for.
pub(crate) async fn find(settings: &Settings, kind: ModelNameRule) -> anyhow::Result<FoundModel> {
    find_among(settings, &LOCAL_SERVERS, kind).await
}

/// The same, where only these local servers are looked for if the settings name none.
async fn find_among(settings: &Settings, usual: &[LocalServer], kind: ModelNameRule) -> anyhow::Result<FoundModel> {
    let wanted = settings.text(&table::MODEL);
    if let Some(file) = wanted.as_deref().and_then(|name| name.strip_prefix("scripted:")) {
        let script = Scripted::from_file(Path::new(file)).map_err(|e| UsageError(e.to_string()))?;
        return Ok(FoundModel { model: Arc::new(script), notes: Vec::new() });
    }
    if let Some(file) = wanted.as_deref().and_then(|name| name.strip_prefix("replay:")) {
        let trajectory = voe_trace::Trajectory::read(Path::new(file))?;
        return Ok(FoundModel { model: Arc::new(ReplayModel::from_records(&trajectory.records)), notes: Vec::new() });
    }
    let key = key(settings)?;
    let prices = prices(settings)?;
    if settings.word(&table::PROVIDER) == Some(Provider::Anthropic) {
        return anthropic(settings, wanted, key, prices, kind).await;
    }
    let probes = match settings.text(&table::BASE_URL) {
        Some(url) => vec![voe_model::probe(&url, key.as_ref(), QUESTION).await.map_err(ModelFailed)?],
        None => local(usual).await?,
    };
    let probe = choose(probes, wanted.as_deref().filter(|_| kind == ModelNameRule::Listed))?;
    let name = match wanted {
        Some(name) => name,
        None => match probe.models.first() {
            Some(model) => model.name.clone(),
            None => return Err(UsageError(format!("{} lists no model; name one with --model", probe.base_url)).into()),
        },
    };
    let mut config = OpenAiConfig::new(&probe.base_url, &name);
    let named = settings.get(&table::BASE_URL).is_some();
    let unsent = key.is_some() && !named;
    config.api_key = key.filter(|_| named);
    config.window =
        settings.count(&table::WINDOW).or_else(|| probe.window(&name)).map(|window| window.min(MOST_WINDOW));
    config.server = probe.server.clone();
    config.prices = Some(prices);
    config.idle = idle(settings);
    let mut notes = probe.warnings;
    if unsent {
        notes.push(format!(
            "your API key was not sent to {}, because voe found that server on its own; to send it, name the server with --base-url",
            probe.base_url
        ));
    }
    if config.window.is_none() {
        notes.push(
            "the server does not report the size of its context window, so the conversation is not compacted before a request is refused; \
             set `window` in voe.toml or VOE_WINDOW"
                .into(),
        );
    }
    let model = OpenAi::new(config).map_err(ModelFailed)?;
    Ok(FoundModel { model: Arc::new(model), notes })
}

/// The same for an attempt that is resumed and was made with the server at `before`. A record's address is not used: the
/// user names the server, or it is one of the local ones that are tried anyway.
pub(crate) async fn find_again(settings: &Settings, before: &str, kind: ModelNameRule) -> anyhow::Result<FoundModel> {
    let asks_a_server = settings.text(&table::MODEL).is_none_or(|name| !reads_a_file(&name));
    let local = LOCAL_SERVERS.iter().any(|(_, url)| *url == before.trim_end_matches('/'));
    let has_address =
        settings.get(&table::BASE_URL).is_some() || settings.word(&table::PROVIDER) == Some(Provider::Anthropic);
    if asks_a_server && !has_address && !before.is_empty() && !local {
        let text = format!(
            "this attempt was made with the server {before}; name the server to resume it with: --base-url URL"
        );
        return Err(UsageError(text).into());
    }
    // Of several local servers the one that answered before, not the first one found.
    let same: Vec<_> = LOCAL_SERVERS.into_iter().filter(|(_, url)| *url == before.trim_end_matches('/')).collect();
    find_among(settings, if same.is_empty() { &LOCAL_SERVERS } else { &same }, kind).await
}

/// Whether a model's name makes voe read a file instead of asking a server.
pub(crate) fn reads_a_file(name: &str) -> bool {
    name.starts_with("scripted:") || name.starts_with("replay:")
}

/// A model behind Anthropic's Messages.
async fn anthropic(
    settings: &Settings,
    model: Option<String>,
    key: Option<Secret>,
    prices: Prices,
    kind: ModelNameRule,
) -> anyhow::Result<FoundModel> {
    let model = model.ok_or_else(|| UsageError("name the model with --model; Anthropic serves many".into()))?;
    let mut config = AnthropicConfig::new(model, key);
    if let Some(url) = settings.text(&table::BASE_URL) {
        config.base_url = url;
    }
    config.prices = prices;
    config.window = settings.count(&table::WINDOW);
    config.idle = idle(settings);
    let asked = Anthropic::new(config.clone()).map_err(ModelFailed)?;
    if kind == ModelNameRule::Listed
        && let Some(names) = asked.list().await
        && !names.contains(&config.model)
        && !asked.has_model().await
    {
        return Err(unknown(&config.model, &[(asked.facts().base_url, names)]).into());
    }
    if config.window.is_none() {
        config.window = asked.ask_window().await;
    }
    let model = Anthropic::new(config).map_err(ModelFailed)?;
    Ok(FoundModel { model: Arc::new(model), notes: Vec::new() })
}

/// How long the server is waited for.
fn idle(settings: &Settings) -> Idle {
    let usual = Idle::default();
    let reply = settings.duration(&table::REPLY);
    Idle {
        first: settings.duration(&table::FIRST_TOKEN).unwrap_or(usual.first),
        between: settings.duration(&table::NEXT_TOKEN).unwrap_or(usual.between),
        unstreamed: reply.unwrap_or(usual.unstreamed),
        streamed: reply.unwrap_or(usual.streamed),
    }
}

/// The price table: the shipped one, with the user's own over it. A model that is in neither costs nothing.
fn prices(settings: &Settings) -> anyhow::Result<Prices> {
    let Some(file) = settings.path(&table::PRICES) else { return Ok(Prices::shipped()) };
    let shown = file.display();
    let text = std::fs::read_to_string(&file)
        .map_err(|e| UsageError(format!("cannot read the prices {shown}: {e}; correct the setting `prices`")))?;
    let own = Prices::from_toml(&text).map_err(|e| UsageError(format!("{shown}: {e}")))?;
    Ok(Prices::shipped().with(own))
}

/// The API key, if there is one. Keys come from the environment only.
pub(crate) fn key(settings: &Settings) -> anyhow::Result<Option<Secret>> {
    let variable = settings.text(&table::API_KEY_ENV).unwrap_or_default();
    let key = Secret::from_env(&variable);
    if key.is_none() && settings.set(&table::API_KEY_ENV).is_some() {
        return Err(UsageError(format!("the API key is to be in the variable {variable}, and that is not set")).into());
    }
    if let (Some(_), Some((url, ValueSource::Repository(file)))) = (&key, settings.get(&table::BASE_URL)) {
        let text = format!(
            "{} names the server {url}; voe sends your API key only to a server that you name yourself \
             (--base-url, VOE_BASE_URL or your own config file)",
            file.display()
        );
        return Err(UsageError(text).into());
    }
    let own_address = matches!(
        settings.get(&table::BASE_URL),
        Some((_, ValueSource::Flag | ValueSource::Variable(_) | ValueSource::User(_)))
    );
    if let (Some(_), false, Some((provider, ValueSource::Repository(file)))) =
        (&key, own_address, settings.get(&table::PROVIDER))
    {
        let text = format!(
            "{} sets provider = {provider}, to whose server your API key would go; set the provider yourself (--provider, \
             VOE_PROVIDER or your own config file)",
            file.display()
        );
        return Err(UsageError(text).into());
    }
    Ok(key)
}

/// What another ordinary user of the machine serves at the place of a usual local server; that is asked nothing.
pub(crate) fn foreign_server(url: &str) -> Option<String> {
    let port = url.rsplit_once(':')?.1.split('/').next()?.parse().ok()?;
    let user = listener::other_user(port)?;
    Some(format!(
        "{url} is served by another user of this machine (user id {user}), who would read your code; if you trust them: --base-url {url}"
    ))
}

/// The first of these servers, or the first that lists the model `wanted`. One that lists none may have it.
fn choose(probes: Vec<ServerProbe>, wanted: Option<&str>) -> anyhow::Result<ServerProbe> {
    let Some(wanted) = wanted else {
        return probes.into_iter().next().ok_or_else(|| UsageError("no server was found".into()).into());
    };
    let has = |probe: &&ServerProbe| probe.models.iter().any(|model| model.name == wanted);
    if let Some(found) = probes.iter().find(has).or(probes.iter().find(|probe| probe.models.is_empty())) {
        return Ok(found.clone());
    }
    let names = |probe: ServerProbe| (probe.base_url, probe.models.into_iter().map(|model| model.name).collect());
    Err(unknown(wanted, &probes.into_iter().map(names).collect::<Vec<_>>()).into())
}

/// No server has a model of this name. Each with its address and its models.
fn unknown(wanted: &str, servers: &[(String, Vec<String>)]) -> UsageError {
    const MOST: usize = 10;
    let listed = |(url, names): &(String, Vec<String>)| {
        let more = names.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{url} has {}{more}", names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    let all = servers.iter().map(listed).collect::<Vec<_>>().join("; ");
    UsageError(format!(
        "no server has the model {wanted:?}: {all}; give one of these with --model, or another server with --base-url"
    ))
}

/// The local servers that answer, in the order of the list; at least one.
async fn local(usual: &[LocalServer]) -> anyhow::Result<Vec<ServerProbe>> {
    let mut probes = tokio::task::JoinSet::new();
    let foreign: Vec<_> = usual.iter().filter_map(|(_, url)| foreign_server(url)).collect();
    for (i, (_, url)) in usual.iter().copied().enumerate().filter(|(_, (_, url))| foreign_server(url).is_none()) {
        probes.spawn(async move { (i, voe_model::probe(url, None, QUESTION).await) });
    }
    let mut found: Vec<_> = probes.join_all().await;
    found.sort_by_key(|(i, _)| *i);
    let answer: Vec<ServerProbe> = found.into_iter().filter_map(|(_, probe)| probe.ok()).collect();
    if !answer.is_empty() {
        return Ok(answer);
    }
    let places: Vec<_> = usual.iter().map(|(name, url)| format!("{name} ({url})")).collect();
    let server = places.join(", ");
    let message = [&["no server answers at any of these".to_owned()], &foreign[..]].concat().join("; ");
    Err(ModelFailed(voe_model::ModelError::Unreachable { server, message }).into())
}

#[cfg(test)]
mod tests {
    use voe_model::{ServerKind, ServerModel};

    use super::*;

    fn server(base_url: &str, models: &[&str]) -> ServerProbe {
        let model = |name: &&str| ServerModel { name: (*name).to_owned(), ..ServerModel::default() };
        ServerProbe {
            base_url: base_url.to_owned(),
            kind: ServerKind::Other,
            server: None,
            loading: false,
            models: models.iter().map(model).collect(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn of_several_servers_the_one_that_has_the_model_is_taken_and_without_one_all_names_are_told() {
        let all = || vec![server("http://a/v1", &["x", "y"]), server("http://b/v1", &["Qwen/Q-35B"])];
        assert_eq!(choose(all(), Some("Qwen/Q-35B")).unwrap().base_url, "http://b/v1");
        assert_eq!(choose(all(), None).unwrap().base_url, "http://a/v1");
        insta::assert_snapshot!(choose(all(), Some("Qwen/Q-3B")).unwrap_err(), @r#"no server has the model "Qwen/Q-3B": http://a/v1 has x, y; http://b/v1 has Qwen/Q-35B; give one of these with --model, or another server with --base-url"#);
        let silent = [all(), vec![server("http://c/v1", &[])]].concat();
        assert_eq!(choose(silent, Some("Qwen/Q-3B")).unwrap().base_url, "http://c/v1");
    }
}
