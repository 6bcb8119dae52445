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
    InBench::RefusedInRun("limits are the strategy's there; set them under [set.limits] in the experiment file");

settings! {
    BASE_URL = Row::new("base_url", "VOE_BASE_URL", Kind::Text, "Address of the model's server, e.g. http://127.0.0.1:8000/v1")
        .flag("base-url")
        .default(Default::Depends("the first local server found"))
        .asked()
        .in_doctor();
    MODEL = Row::new("model", "VOE_MODEL", Kind::Text, "Name of the model; `scripted:FILE` answers from a file")
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
    PRICES = Row::new("prices", "VOE_PRICES", Kind::Path, "File of prices that go before the shipped ones").guarded();
    WINDOW = Row::new("window", "VOE_WINDOW", Kind::Count, "Context window in tokens")
        .default(Default::Depends("as the server reports it"))
        .in_doctor();
    STREAM = Row::new("stream", "VOE_STREAM", Kind::Switch, "Ask for replies as streams, and show them while they come")
        .default(Default::Depends("on for `voe fix` on a terminal, else off"));
    FIRST_TOKEN = Row::new(
        Wait::FirstToken.setting(),
        "VOE_TIMEOUT_FIRST_TOKEN",
        Kind::Duration,
        "Time that the server may take to begin a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().first)))
    .guarded();
    NEXT_TOKEN = Row::new(
        Wait::NextToken.setting(),
        "VOE_TIMEOUT_NEXT_TOKEN",
        Kind::Duration,
        "Time between two pieces of a streamed reply",
    )
    .default(Default::Of(|| show_duration(Idle::default().between)))
    .guarded();
    REPLY = Row::new(Wait::Reply.setting(), "VOE_TIMEOUT_REPLY", Kind::Duration, "Time for a whole reply, streamed or not")
        .default(Default::Of(|| show_duration(Idle::default().unstreamed)))
        .guarded();
    STRATEGY = Row::new("strategy", "VOE_STRATEGY", Kind::Text, "Strategy: a name from `voe strategies`, or a file")
        .flag("strategy")
        .default(Default::Value(DEFAULT_STRATEGY))
        .in_bench(InBench::RefusedInRun("give --strategy, or name strategies in the experiment file"));
    MAX_STEPS = Row::new("max_steps", "VOE_MAX_STEPS", Kind::Count, "End after this many replies")
        .flag("max-steps")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    MAX_TOKENS = Row::new(
        "max_tokens",
        "VOE_MAX_TOKENS",
        Kind::Count,
        "End after this many tokens, prompts and replies together",
    )
    .flag("max-tokens")
    .default(Default::Depends("the strategy's limit"))
    .in_bench(LIMITS);
    MAX_WALL = Row::new("max_wall", "VOE_MAX_WALL", Kind::Duration, "End after this time, e.g. 90s, 20m, 2h")
        .flag("max-wall")
        .default(Default::Depends("the strategy's limit"))
        .in_bench(LIMITS);
    CHECK = Row::new(
        "check",
        "VOE_CHECK",
        Kind::Text,
        "Command that shows the problem: given to the model, run at the end, reported",
    )
    .flag("check")
    .in_bench(InBench::RefusedInRun("attempts at a suite get the task's own statement alone"));
    APPLY = Row::new("apply", "VOE_APPLY", Kind::Word(words::of::<Apply>), "Whether the patch is applied to your tree")
        .flag("apply")
        .default(Default::Depends("ask on a terminal, else yes"))
        .asked()
        .in_bench(InBench::RefusedInRun("patches of a bench are graded, never applied to a tree of yours"));
    BACKEND = Row::new("sandbox.backend", "VOE_SANDBOX", Kind::Word(words::sandboxes), "Isolation of commands")
        .flag("sandbox")
        .default(Default::Of(|| Choice::default().to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    NETWORK = Row::new("sandbox.network", "VOE_NETWORK", Kind::Switch, "Whether commands may use the network")
        .flag("network")
        .default(Default::Of(|| if Spec::new("", "", "").network { "on" } else { "off" }.to_owned()))
        .guarded()
        .in_bench(InBench::Refused(
            "attempts have no network, where they could find the solutions; tests get one by `voe bench grade --network`",
        ))
        .in_doctor();
    IMAGE = Row::new("sandbox.image", "VOE_IMAGE", Kind::Text, "Image for the docker and podman sandboxes")
        .flag("image")
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    MEMORY = Row::new("sandbox.memory", "VOE_MEMORY", Kind::Size, "Memory of a command with all that it starts")
        .default(Default::Of(|| show_bytes(Spec::new("", "", "").limits.memory_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    PROCESSES = Row::new("sandbox.processes", "VOE_PROCESSES", Kind::Count, "Processes at a time")
        .default(Default::Of(|| Spec::new("", "", "").limits.processes.to_string()))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    DISK = Row::new("sandbox.disk", "VOE_DISK", Kind::Size, "Bytes that commands may write altogether")
        .default(Default::Of(|| show_bytes(Spec::new("", "", "").disk_bytes)))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    READ = Row::new("sandbox.read", "VOE_SANDBOX_READ", Kind::Paths, "Further paths that commands may read")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
    ENV = Row::new("sandbox.env", "VOE_SANDBOX_ENV", Kind::Names, "Further variables that commands get, by name")
        .default(Default::Value(""))
        .guarded()
        .in_bench(InBench::Everywhere)
        .in_doctor();
}

/// The row of a setting as a file names it.
pub(crate) fn by_name(name: &str) -> Option<&'static Row> {
    ALL.iter().find(|row| row.name == name).copied()
}
