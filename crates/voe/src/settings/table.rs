//! Every setting. Commands, `voe config`, the flags' help and the page `docs/settings.md` come from these rows or are compared
//! with them; a default that belongs to another crate is read from there.

use voe_model::{Idle, Wait};
use voe_sandbox::{BackendChoice, SandboxConfig};

use super::kind::SettingKind;
use super::row::{Default, InBench, SettingRow};
use super::units::{show_bytes, show_duration};
use super::words::{self, Apply, Provider};

/// The strategy of `voe fix`, `voe demo` and `voe bench run` where nobody names one.
pub(crate) const DEFAULT_STRATEGY: &str = "prove-on-edit";

/// Declares the rows, and [`ALL`] of them in this order.
macro_rules! settings {
    ($($id:ident = $row:expr;)*) => {
        $(pub(crate) static $id: SettingRow = $row;)*
        /// All rows, in the order in which they are listed.
        pub(crate) static ALL: &[&SettingRow] = &[$(&$id),*];
    };
}

/// Why limits of attempts are not taken from settings in a bench.
const LIMITS: InBench =
    InBench::RefusedInRun("a bench takes limits from the strategy; set them under [set.limits] in the experiment file");

settings! {
    BASE_URL = SettingRow::new("base_url", "VOE_BASE_URL", SettingKind::Text, "Address of the model's server, e.g. http://127.0.0.1:8000/v1")
        .flag("base-url")
        .default(Default::Depends("the first local server found"))
        .asked()
        .in_doctor();
    MODEL = SettingRow::new("model", "VOE_MODEL", SettingKind::Text, "Name of the model; `scripted:FILE` reads replies from a file")
        .flag("model")
        .default(Default::Depends("the server's first"))
        .asked()
        .in_doctor();
    API_KEY_ENV = SettingRow::new("api_key_env", "VOE_API_KEY_ENV", SettingKind::Text, "Environment variable that has the API key")
        .flag("api-key-env")
        .default(Default::Value("VOE_API_KEY"))
        .guarded()
        .in_doctor();
    PROVIDER = SettingRow::new("provider", "VOE_PROVIDER", SettingKind::Word(words::of::<Provider>), "API protocol of the server")
        .flag("provider")
        .default(Default::Value("openai"))
        .asked()
        .in_doctor();
    PRICES = SettingRow::new("prices", "VOE_PRICES", SettingKind::Path, "File with prices that override the bundled ones").guarded();
    WINDOW = SettingRow::new("window", "VOE_WINDOW", SettingKind::Count, "Context window in tokens")
        .default(Default::Depends("as the server reports it"))
        .in_doctor();
    STREAM = SettingRow::new("stream", "VOE_STREAM", SettingKind::Switch, "Stream replies, and show them as they arrive")
        .default(Default::Depends("on for `voe fix` on a terminal, else off"));
    FIRST_TOKEN = SettingRow::new(
        Wait::FirstToken.setting(),
        "VOE_TIMEOUT_FIRST_TOKEN",
        SettingKind::Duration,
        "Timeout for the first token of a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().first)))
    .guarded();
    NEXT_TOKEN = SettingRow::new(
        Wait::NextToken.setting(),
        "VOE_TIMEOUT_NEXT_TOKEN",
        SettingKind::Duration,
        "Timeout between two chunks of a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().between)))
    .guarded();
    REPLY = SettingRow::new(Wait::Reply.setting(), "VOE_TIMEOUT_REPLY", SettingKind::Duration, "Timeout for a whole reply, streamed or not")
        .default(Default::Of(|| show_duration(Idle::default().unstreamed)))
        .guarded();
    STRATEGY = SettingRow::new("strategy", "VOE_STRATEGY", SettingKind::Text, "Strategy: a name from `voe strategies`, or a file")
        .flag("strategy")
        .default(Default::Value(DEFAULT_STRATEGY))
        .in_bench(InBench::RefusedInRun("pass --strategy, or list strategies in the experiment file"));
    MAX_STEPS = SettingRow::new("max_steps", "VOE_MAX_STEPS", SettingKind::Count, "Max model replies")
        .flag("max-steps")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    MAX_TOKENS = SettingRow::new(
        "max_tokens",
        "VOE_MAX_TOKENS",
        SettingKind::Count,
        "Max tokens, prompts and replies together",
    )
    .flag("max-tokens")
    .default(Default::Depends("the strategy's limit"))
    .in_bench(LIMITS);
    MAX_WALL = SettingRow::new("max_wall", "VOE_MAX_WALL", SettingKind::Duration, "Max time, e.g. 90s, 20m, 2h")
        .flag("max-wall")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    CHECK = SettingRow::new(
        "check",
        "VOE_CHECK",
        SettingKind::Text,
        "Command that reproduces the problem: shown to the model, and run at the end",
    )
    .flag("check")
    .in_bench(InBench::RefusedInRun("attempts at a suite get only the task's own statement"));
    APPLY = SettingRow::new("apply", "VOE_APPLY", SettingKind::Word(words::of::<Apply>), "Apply the patch to your tree")
        .flag("apply")
        .default(Default::Depends("ask on a terminal, else yes"))
        .asked()
        .in_bench(InBench::RefusedInRun("a bench grades patches and never applies them"));
    BACKEND = SettingRow::new("sandbox.backend", "VOE_SANDBOX", SettingKind::Word(words::sandboxes), "Isolation of commands")
        .flag("sandbox")
        .default(Default::Of(|| BackendChoice::default().to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    NETWORK = SettingRow::new("sandbox.network", "VOE_NETWORK", SettingKind::Switch, "Network access for commands")
        .flag("network")
        .default(Default::Of(|| if SandboxConfig::new("", "", "").network { "on" } else { "off" }.to_owned()))
        .guarded()
        .in_bench(InBench::Refused(
            "attempts have no network, because they could find the solutions there; `voe bench grade --network` allows it for tests",
        ))
        .in_doctor()
        .in_any_sandbox();
    IMAGE = SettingRow::new("sandbox.image", "VOE_IMAGE", SettingKind::Text, "Image for the docker and podman sandboxes")
        .flag("image")
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    MEMORY = SettingRow::new("sandbox.memory", "VOE_MEMORY", SettingKind::Size, "Memory limit of a command and its child processes")
        .default(Default::Of(|| show_bytes(SandboxConfig::new("", "", "").limits.memory_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    PROCESSES = SettingRow::new("sandbox.processes", "VOE_PROCESSES", SettingKind::Count, "Max concurrent processes")
        .default(Default::Of(|| SandboxConfig::new("", "", "").limits.processes.to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    DISK = SettingRow::new("sandbox.disk", "VOE_DISK", SettingKind::Size, "Total bytes that commands may write")
        .default(Default::Of(|| show_bytes(SandboxConfig::new("", "", "").disk_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    READ = SettingRow::new("sandbox.read", "VOE_SANDBOX_READ", SettingKind::Paths, "Additional paths that commands may read")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
    ENV = SettingRow::new("sandbox.env", "VOE_SANDBOX_ENV", SettingKind::Names, "Additional environment variables passed to commands, by name")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_any_sandbox();
}

/// The row of a setting as a file names it.
pub(crate) fn by_name(name: &str) -> Option<&'static SettingRow> {
    ALL.iter().find(|row| row.name == name).copied()
}
