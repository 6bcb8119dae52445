//! `voe doctor`: what is there, what works, and what to do about the rest.

mod bench;

use std::process::Stdio;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use voe_model::{OpenAi, OpenAiConfig, ProbeTools, ServerProbe};

use crate::settings::{Settings, table};
use crate::show::{Paint, one_line, out};
use crate::{cli, exit, model, session, state, trust};

/// How one look came out.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FindingMark {
    /// Works.
    Good,
    /// Works, with something to know.
    Warn,
    /// Missing or broken.
    Bad,
}

/// What `voe doctor --json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Doctor")]
pub(crate) struct DoctorReport {
    /// Whether a model works.
    ready: bool,
    /// Everything that was looked at, in the order of the text output.
    checks: Vec<DoctorCheck>,
}

/// One thing that was looked at.
#[derive(Serialize, JsonSchema)]
struct DoctorCheck {
    /// What was looked at.
    what: String,
    /// How it came out.
    #[serde(rename = "state")]
    mark: FindingMark,
    /// What was seen.
    text: String,
    /// What to do about it; empty if nothing.
    remedy: String,
}

impl DoctorCheck {
    fn good(what: &str, text: impl Into<String>) -> Self {
        Self { mark: FindingMark::Good, what: what.into(), text: text.into(), remedy: String::new() }
    }

    fn warn(what: &str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: FindingMark::Warn, what: what.into(), text: text.into(), remedy: remedy.into() }
    }

    fn bad(what: &str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: FindingMark::Bad, what: what.into(), text: text.into(), remedy: remedy.into() }
    }
}

pub(crate) async fn run(args: cli::Doctor) -> anyhow::Result<u8> {
    let here = std::env::current_dir()?;
    let repository = voe_repo::Repo::discover(&here).ok();
    let mut settings = Settings::load(repository.as_ref().map(voe_repo::Repo::top))?;
    args.model.set(&mut settings);
    trust::config::accept_remembered(&mut settings);

    let mut checks = vec![program("git", &["--version"], FindingMark::Bad, "install git 2.25 or newer")];
    checks.push(program(
        "python3",
        &["--version"],
        FindingMark::Warn,
        "needed only for Python projects, the demo and the mini suite",
    ));
    checks.extend(bench::disks()?);
    if let Some(asked) = settings.asked() {
        let text =
            format!("{} sets {}, which you have not accepted; ignored", asked.file.display(), asked.names().join(", "));
        checks.push(DoctorCheck::warn(
            "voe.toml",
            text,
            "run `voe fix` on a terminal to accept them, or set them yourself",
        ));
    }
    checks.extend(bench::environments().await);
    let spec = session::spec(&settings, &here, &state::dir()?)?;
    for probe in voe_sandbox::probe(&spec).await {
        checks.push(bench::sandbox(probe, &spec).await);
    }
    let (servers, model_works) = servers(&settings).await?;
    checks.extend(servers);

    let broken = !model_works || checks.iter().any(|look| look.mark == FindingMark::Bad && look.what == "git");
    if args.json {
        out::json_pretty(&DoctorReport { ready: model_works, checks })?;
    } else {
        let paint = Paint::stdout(args.no_color);
        for look in &checks {
            let mark = match look.mark {
                FindingMark::Good => paint.green("ok  "),
                FindingMark::Warn => paint.yellow("note"),
                FindingMark::Bad => paint.red("bad "),
            };
            out::text(&mark.then(format!(" {:<18} {}", one_line(&look.what), one_line(&look.text))));
            if !look.remedy.is_empty() {
                outln!("     {:<18} → {}", "", look.remedy);
            }
        }
        outln!(
            "\n{}",
            if model_works {
                "Ready: `voe fix \"…\"` in a git repository."
            } else {
                "Not ready: voe needs a working model (see above)."
            }
        );
    }
    Ok(if broken { exit::MODEL } else { exit::OK })
}

/// Whether a program is there.
fn program(name: &str, args: &[&str], missing: FindingMark, remedy: &str) -> DoctorCheck {
    match voe_untrusted::program(name).args(args).stdin(Stdio::null()).output() {
        Ok(out) if out.status.success() => {
            let version = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            DoctorCheck::good(name, version)
        }
        _ => DoctorCheck { mark: missing, what: name.into(), text: "not found on PATH".into(), remedy: remedy.into() },
    }
}

/// Every server that is asked for or found, and whether a model works.
async fn servers(settings: &Settings) -> anyhow::Result<(Vec<DoctorCheck>, bool)> {
    let key = model::key(settings)?;
    let limit = Duration::from_secs(5);
    let asked = settings.text(&table::BASE_URL);
    let places: Vec<(String, String)> = match &asked {
        Some(url) => vec![("server".into(), url.clone())],
        None => voe_model::LOCAL_SERVERS.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect(),
    };
    let (mut checks, mut works) = (Vec::new(), false);
    for (name, url) in &places {
        let what = name.to_lowercase();
        // A key is for a server that the user named, and so is everything else if another user serves there.
        let key = key.clone().filter(|_| asked.is_some());
        if let Some(foreign) = model::foreign_server(url).filter(|_| asked.is_none()) {
            checks.push(DoctorCheck::warn(&what, foreign, ""));
            continue;
        }
        match voe_model::probe(url, key.as_ref(), limit).await {
            Ok(probe) => works |= server(&probe, settings, key, &mut checks).await,
            Err(error) if asked.is_some() => checks.push(DoctorCheck::bad(&what, error.to_string(), "")),
            Err(_) => checks.push(DoctorCheck::warn(&what, format!("nothing answers at {url}"), "")),
        }
    }
    if asked.is_none() && !works {
        checks.push(DoctorCheck::bad(
            "model",
            "no local server has a working model",
            "start one (see the README for Ollama, llama.cpp and vLLM), or pass --base-url URL",
        ));
    }
    Ok((checks, works))
}

/// One server: its models, the window, a tiny call.
async fn server(
    probe: &ServerProbe,
    settings: &Settings,
    key: Option<voe_model::Secret>,
    checks: &mut Vec<DoctorCheck>,
) -> bool {
    let name = probe.server.clone().unwrap_or_else(|| "server".into());
    if probe.loading {
        checks.push(DoctorCheck::warn(
            &name,
            format!("{} is still loading its model", probe.base_url),
            "wait, then run `voe doctor` again",
        ));
        return false;
    }
    let names: Vec<_> = probe.models.iter().map(|m| m.name.as_str()).collect();
    if names.is_empty() {
        checks.push(DoctorCheck::bad(
            &name,
            format!("{} serves no model", probe.base_url),
            "load one (Ollama: `ollama pull NAME`)",
        ));
        return false;
    }
    checks.push(DoctorCheck::good(&name, format!("{}: {}", probe.base_url, names.join(", "))));
    for warning in &probe.warnings {
        checks.push(DoctorCheck::warn("", warning.clone(), ""));
    }
    let wanted = settings.text(&table::MODEL).unwrap_or_else(|| names[0].to_owned());
    let window = settings.count(&table::WINDOW).or_else(|| probe.window(&wanted));
    match window {
        Some(window) if window < voe_model::SMALL_WINDOW => {
            checks.push(DoctorCheck::warn(
                "window",
                format!("{wanted}: {window} tokens, too small for most tasks"),
                "serve it with 32k tokens or more, if memory allows",
            ));
        }
        Some(window) => checks.push(DoctorCheck::good("window", format!("{wanted}: {window} tokens"))),
        None => checks.push(DoctorCheck::warn(
            "window",
            format!("{wanted}: not reported by the server"),
            "set `window` in voe.toml or VOE_WINDOW",
        )),
    }
    let mut config = OpenAiConfig::new(&probe.base_url, &wanted);
    config.api_key = key;
    config.window = window;
    config.server = probe.server.clone();
    let answer = match OpenAi::new(config) {
        Ok(model) => voe_model::probe_tools(&model).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(ProbeTools::Native) => {
            checks.push(DoctorCheck::good("tool calls", format!("{wanted}: returned as structured calls")))
        }
        Ok(ProbeTools::Salvaged { repairs }) => {
            checks.push(DoctorCheck::warn(
                "tool calls",
                format!("{wanted}: returned as text, which voe parses ({})", repairs.join("; ")),
                "",
            ));
        }
        Ok(ProbeTools::None { text }) => {
            let said = if text.is_empty() { "an empty reply".to_owned() } else { format!("{text:?}") };
            checks.push(DoctorCheck::bad("tool calls", format!("{wanted} was asked for a tool call and returned {said}"), "check the server's tool-call options (vLLM: --enable-auto-tool-choice --tool-call-parser …; llama-server: --jinja), or try another model"));
            return false;
        }
        Err(error) => {
            checks.push(DoctorCheck::bad("tool calls", error.to_string(), ""));
            return false;
        }
    }
    true
}
