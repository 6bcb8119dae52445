//! What each kind of server reports, and where.

use serde_json::{Value, json};

use crate::bounds::{NAME, clip};

use super::{Address, Asker, ProbeResponse, ServerKind, ServerModel, ServerProbe, number};

/// More models than this are not listed: the largest hosted service has some hundred.
const MOST_LISTED: usize = 2000;

/// More models than this are not asked for one by one.
const MOST: usize = 20;

/// The kind, by the list of models and its headers.
pub(super) fn by_list(listed: &ProbeResponse) -> ServerKind {
    let owner = listed.body.pointer("/data/0/owned_by").and_then(Value::as_str).unwrap_or_default();
    match owner {
        "vllm" => ServerKind::Vllm,
        "sglang" => ServerKind::Sglang,
        "llamacpp" => ServerKind::LlamaCpp,
        "library" => ServerKind::Ollama,
        "organization_owner" => ServerKind::LmStudio,
        _ if listed.server == "llama.cpp" => ServerKind::LlamaCpp,
        _ => ServerKind::Other,
    }
}

/// The models of `/v1/models`, with the window where the list has it: vLLM and SGLang, llama.cpp, OpenRouter, Groq.
pub(super) fn models(list: &Value) -> Vec<ServerModel> {
    let entry = |entry: &Value| {
        let window = ["/max_model_len", "/meta/n_ctx", "/context_length", "/context_window", "/max_input_tokens"];
        let trained = ["/meta/n_ctx_train", "/max_context_length"];
        Some(ServerModel {
            name: entry["id"].as_str().filter(|name| name.chars().count() <= NAME)?.to_owned(),
            window: window.iter().find_map(|path| number(entry, path)),
            trained: trained.iter().find_map(|path| number(entry, path)),
            ..ServerModel::default()
        })
    };
    list["data"].as_array().into_iter().flatten().filter_map(entry).take(MOST_LISTED).collect()
}

/// Asks for what only this kind reports; if the kind is unknown, for what identifies each. Returns whether it is known now.
pub(super) async fn refine(asker: &Asker<'_>, address: &Address, probe: &mut ServerProbe) -> bool {
    let unknown = probe.kind == ServerKind::Other;
    let may_be =
        |kind: ServerKind, probe: &ServerProbe| probe.kind == kind || unknown && probe.kind == ServerKind::Other;
    if may_be(ServerKind::Vllm, probe)
        && let Some(version) = asker.json(address.root("version")).await
        && let Some(version) = version["version"].as_str()
    {
        record_kind(probe, ServerKind::Vllm, Some(version));
    }
    if may_be(ServerKind::LlamaCpp, probe)
        && let Some(props) = asker.json(address.root("props")).await
        && props.get("default_generation_settings").is_some()
    {
        llama_cpp(probe, &props);
    }
    if may_be(ServerKind::Ollama, probe)
        && let Some(version) = asker.json(address.root("api/version")).await
        && let Some(version) = version["version"].as_str()
    {
        record_kind(probe, ServerKind::Ollama, Some(version));
        ollama(asker, address, probe).await;
    }
    if may_be(ServerKind::LmStudio, probe)
        && let Some(list) = asker.json(address.root("api/v0/models")).await
        && list["data"].is_array()
    {
        lm_studio(probe, &list);
    }
    if may_be(ServerKind::Sglang, probe) {
        let mut info = asker.json(address.root("get_server_info")).await;
        if info.is_none() {
            info = asker.json(address.root("server_info")).await;
        }
        if let Some(info) = info.filter(|info| info.get("version").is_some()) {
            record_kind(probe, ServerKind::Sglang, info["version"].as_str());
            let window = number(&info, "/context_length").or(number(&info, "/max_req_input_len"));
            for model in probe.models.iter_mut().filter(|model| model.window.is_none()) {
                model.window = window;
            }
        }
    }
    if probe.kind != ServerKind::Other && probe.server.is_none() {
        record_kind(probe, probe.kind, None);
    }
    probe.kind != ServerKind::Other
}

fn record_kind(probe: &mut ServerProbe, kind: ServerKind, version: Option<&str>) {
    probe.kind = kind;
    probe.server = Some(match version {
        Some(version) => format!("{} {}", kind.name(), clip(version)),
        None => kind.name().to_owned(),
    });
}

/// `/props` has the window of one slot, which is the one of a request; the list may have that of all slots together.
fn llama_cpp(probe: &mut ServerProbe, props: &Value) {
    record_kind(probe, ServerKind::LlamaCpp, props["build_info"].as_str());
    if let Some(slot) = number(props, "/default_generation_settings/n_ctx") {
        for model in &mut probe.models {
            model.window = Some(model.window.map_or(slot, |listed| listed.min(slot)));
        }
    }
}

async fn ollama(asker: &Asker<'_>, address: &Address, probe: &mut ServerProbe) {
    let running = asker.json(address.root("api/ps")).await.unwrap_or_default();
    let running = running["models"].as_array().cloned().unwrap_or_default();
    for model in probe.models.iter_mut().take(MOST) {
        let loaded =
            running.iter().find(|one| one["name"] == model.name.as_str() || one["model"] == model.name.as_str());
        model.loaded = Some(loaded.is_some());
        model.window = loaded.and_then(|one| number(one, "/context_length"));
        let Some(shown) = asker.post(address.root("api/show"), &json!({"model": model.name})).await else { continue };
        let info = shown["model_info"].as_object();
        model.trained = info.and_then(|info| info.iter().find(|(key, _)| key.ends_with(".context_length"))?.1.as_u64());
        model.tools = shown["capabilities"].as_array().map(|all| all.iter().any(|one| one == "tools"));
        if model.window.is_none() {
            // Set in the Modelfile, it applies whatever the server's default is.
            let settings = shown["parameters"].as_str().unwrap_or_default();
            model.window = settings.lines().find_map(|line| line.strip_prefix("num_ctx")?.trim().parse().ok());
        }
    }
}

fn lm_studio(probe: &mut ServerProbe, list: &Value) {
    record_kind(probe, ServerKind::LmStudio, None);
    for entry in list["data"].as_array().into_iter().flatten() {
        let Some(model) = probe.models.iter_mut().find(|model| entry["id"] == model.name.as_str()) else { continue };
        model.loaded = entry["state"].as_str().map(|state| state == "loaded");
        model.window = number(entry, "/loaded_context_length");
        model.trained = number(entry, "/max_context_length");
        model.tools = entry["capabilities"].as_array().map(|all| all.iter().any(|one| one == "tool_use"));
    }
}
