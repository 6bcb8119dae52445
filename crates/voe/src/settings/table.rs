//! Every setting. Commands, `voe config`, the flags' help and the page `docs/settings.md` come from these rows or are compared
//! with them; a default that belongs to another crate is read from there.

use voe_model::{Idle, Wait};
use voe_sandbox::{Choice, Spec};

use super::kind::Kind;
use super::row::{Default, InBench, Row};
use super::units::{show_bytes, show_duration};
use super::words::{self, Apply, Provider};

/// The strategy of `voe fix`, `voe demo` and `voe bench run` where nobody names one.
pub(crate) const DEFAULT_STRATEGY: &str = "prove-on-edit";

/// Declares the rows, and [`ALL`] of them in this order.
macro_rules! settings {
    ($($id:ident = $row:expr;)*) => {
        $(pub(crate) static $id: Row = $row;)*
        /// All rows, in the order in which they are listed.
        pub(crate) static ALL: &[&Row] = &[$(&$id),*];
    };
}

/// Why limits of attempts are not taken from settings in a bench.
const LIMITS: InBench =
    InBench::RefusedInRun("a bench takes limits from the strategy; set them under [set.limits] in the experiment file");

settings! {
    BASE_URL = Row::new("base_url", "VOE_BASE_URL", Kind::Text, "Address of the model's server, e.g. http://127.0.0.1:8000/v1")
        .flag("base-url")
        .default(Default::Depends("the first local server found"))
        .asked()
        .in_doctor();
    MODEL = Row::new("model", "VOE_MODEL", Kind::Text, "Name of the model; `scripted:FILE` reads replies from a file")
        .flag("model")
        .default(Default::Depends("the server's first"))
        .asked()
        .in_doctor();
    API_KEY_ENV = Row::new("api_key_env", "VOE_API_KEY_ENV", Kind::Text, "Environment variable that has the API key")
        .flag("api-key-env")
        .default(Default::Value("VOE_API_KEY"))
        .guarded()
        .in_doctor();
    PROVIDER = Row::new("provider", "VOE_PROVIDER", Kind::Word(words::of::<Provider>), "API protocol of the server")
        .flag("provider")
        .default(Default::Value("openai"))
        .asked()
        .in_doctor();
    PRICES = Row::new("prices", "VOE_PRICES", Kind::Path, "File with prices that override the bundled ones").guarded();
    WINDOW = Row::new("window", "VOE_WINDOW", Kind::Count, "Context window in tokens")
        .default(Default::Depends("as the server reports it"))
        .in_doctor();
    STREAM = Row::new("stream", "VOE_STREAM", Kind::Switch, "Stream replies, and show them as they arrive")
        .default(Default::Depends("on for `voe fix` on a terminal, else off"));
    FIRST_TOKEN = Row::new(
        Wait::FirstToken.setting(),
        "VOE_TIMEOUT_FIRST_TOKEN",
        Kind::Duration,
        "Timeout for the first token of a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().first)))
    .guarded();
    NEXT_TOKEN = Row::new(
        Wait::NextToken.setting(),
        "VOE_TIMEOUT_NEXT_TOKEN",
        Kind::Duration,
        "Timeout between two chunks of a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().between)))
    .guarded();
    REPLY = Row::new(Wait::Reply.setting(), "VOE_TIMEOUT_REPLY", Kind::Duration, "Timeout for a whole reply, streamed or not")
        .default(Default::Of(|| show_duration(Idle::default().unstreamed)))
        .guarded();
    STRATEGY = Row::new("strategy", "VOE_STRATEGY", Kind::Text, "Strategy: a name from `voe strategies`, or a file")
        .flag("strategy")
        .default(Default::Value(DEFAULT_STRATEGY))
        .in_bench(InBench::RefusedInRun("pass --strategy, or list strategies in the experiment file"));
    MAX_STEPS = Row::new("max_steps", "VOE_MAX_STEPS", Kind::Count, "Max model replies")
        .flag("max-steps")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    MAX_TOKENS = Row::new(
        "max_tokens",
        "VOE_MAX_TOKENS",
        Kind::Count,
        "Max tokens, prompts and replies together",
    )
    .flag("max-tokens")
    .default(Default::Depends("the strategy's limit"))
    .in_bench(LIMITS);
    MAX_WALL = Row::new("max_wall", "VOE_MAX_WALL", Kind::Duration, "Max time, e.g. 90s, 20m, 2h")
        .flag("max-wall")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    CHECK = Row::new(
        "check",
        "VOE_CHECK",
        Kind::Text,
        "Command that reproduces the problem: shown to the model, and run at the end",
    )
    .flag("check")
    .in_bench(InBench::RefusedInRun("attempts at a suite get only the task's own statement"));
    APPLY = Row::new("apply", "VOE_APPLY", Kind::Word(words::of::<Apply>), "Apply the patch to your tree")
        .flag("apply")
        .default(Default::Depends("ask on a terminal, else yes"))
        .asked()
        .in_bench(InBench::RefusedInRun("a bench grades patches and never applies them"));
    BACKEND = Row::new("sandbox.backend", "VOE_SANDBOX", Kind::Word(words::sandboxes), "Isolation of commands")
        .flag("sandbox")
        .default(Default::Of(|| Choice::default().to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    NETWORK = Row::new("sandbox.network", "VOE_NETWORK", Kind::Switch, "Network access for commands")
        .flag("network")
        .default(Default::Of(|| if Spec::new("", "", "").network { "on" } else { "off" }.to_owned()))
        .guarded()
        .in_bench(InBench::Refused(
            "attempts have no network, because they could find the solutions there; `voe bench grade --network` allows it for tests",
        ))
        .in_doctor()
        .in_replay();
    IMAGE = Row::new("sandbox.image", "VOE_IMAGE", Kind::Text, "Image for the docker and podman sandboxes")
        .flag("image")
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    MEMORY = Row::new("sandbox.memory", "VOE_MEMORY", Kind::Size, "Memory limit of a command and its child processes")
        .default(Default::Of(|| show_bytes(Spec::new("", "", "").limits.memory_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    PROCESSES = Row::new("sandbox.processes", "VOE_PROCESSES", Kind::Count, "Max concurrent processes")
        .default(Default::Of(|| Spec::new("", "", "").limits.processes.to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    DISK = Row::new("sandbox.disk", "VOE_DISK", Kind::Size, "Total bytes that commands may write")
        .default(Default::Of(|| show_bytes(Spec::new("", "", "").disk_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    READ = Row::new("sandbox.read", "VOE_SANDBOX_READ", Kind::Paths, "Additional paths that commands may read")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
    ENV = Row::new("sandbox.env", "VOE_SANDBOX_ENV", Kind::Names, "Additional environment variables passed to commands, by name")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor()
        .in_replay();
}

/// The row of a setting as a file names it.
pub(crate) fn by_name(name: &str) -> Option<&'static Row> {
    ALL.iter().find(|row| row.name == name).copied()
}
