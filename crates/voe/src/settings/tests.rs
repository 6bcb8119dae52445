//! What the table promises of files, flags and its page of documentation.

use clap::CommandFactory;

use super::row::{ByRepository, InBench, SettingRow};
use super::{Settings, ValueSource, table};
use crate::cli::Cli;

fn user(text: &str) -> anyhow::Result<Settings> {
    let mut settings = Settings::defaults();
    settings.file(text, &ValueSource::User("/home/u/c.toml".into()))?;
    Ok(settings)
}

#[test]
fn a_repository_cannot_lower_the_guard_against_itself() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("voe.toml"), "[sandbox]\nbackend = \"none\"\n").unwrap();
    let error = Settings::load(Some(dir.path())).unwrap_err().to_string();
    assert!(error.contains("sandbox.backend is yours to set"), "{error}");
}

#[test]
fn a_repository_does_not_raise_the_users_limits() {
    let mut settings = user("max_steps = 10\nmax_wall = \"20m\"\nprices = \"p.toml\"\n").unwrap();
    let repository = ValueSource::Repository("/r/voe.toml".into());
    settings.file("max_steps = 99\nmax_wall = 60\nmax_tokens = 5\n", &repository).unwrap();
    let shown = [&table::MAX_STEPS, &table::MAX_WALL, &table::MAX_TOKENS, &table::PRICES];
    assert_eq!(shown.map(|row| settings.text(row).unwrap()), ["10", "60", "5", "/home/u/p.toml"]);
    // 0 means no limit: the highest of all.
    settings.file("max_steps = 0\nmax_wall = 0\n", &repository).unwrap();
    assert_eq!(settings.text(&table::MAX_STEPS).unwrap(), "10");
    let mut unlimited = user("max_steps = 0\n").unwrap();
    unlimited.file("max_steps = 7\n", &repository).unwrap();
    assert_eq!(unlimited.text(&table::MAX_STEPS).unwrap(), "7");
}

#[test]
fn an_unknown_setting_is_named_with_the_one_that_was_meant() {
    for (text, expected) in [
        ("modle = \"x\"", r#"/home/u/c.toml: unknown setting "modle"; did you mean "model"?; `voe config` lists them"#),
        (
            "[sandbox]\nmemroy = 1",
            r#"/home/u/c.toml: unknown setting "sandbox.memroy"; did you mean "sandbox.memory"?; `voe config` lists them"#,
        ),
        ("zebra = 1", r#"/home/u/c.toml: unknown setting "zebra"; `voe config` lists them"#),
    ] {
        assert_eq!(user(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_wrong_value_is_refused_with_what_is_expected() {
    for (text, expected) in [
        ("max_steps = \"many\"", "invalid value \"many\" for max_steps: expected a whole number"),
        ("max_wall = \"soon\"", "invalid value \"soon\" for max_wall: expected a duration such as 90s, 20m or 1h30m"),
        ("apply = \"maybe\"", "invalid value \"maybe\" for apply: expected ask, yes, no"),
        (
            "[sandbox]\nmemory = \"much\"",
            "invalid value \"much\" for sandbox.memory: expected a size such as 4GiB or 512MiB",
        ),
        ("[sandbox]\nnetwork = 3", "invalid value 3 for sandbox.network: expected on or off"),
        ("[sandbox]\nread = [1]", "invalid value [1] for sandbox.read: expected a list of texts"),
    ] {
        assert_eq!(user(text).unwrap_err().to_string(), format!("/home/u/c.toml: {expected}"));
    }
    // As people may have them.
    user("apply = true\nstream = \"on\"\nmax_wall = 90\n[sandbox]\nnetwork = false\nread = \"/srv\"").unwrap();
}

#[test]
fn every_default_is_a_value_that_its_setting_can_have() {
    for row in table::ALL {
        if let Some(text) = row.default.text() {
            assert_eq!(row.kind.check(&row.kind.read(&text)), Ok(()), "{}", row.name);
        }
    }
}

#[test]
fn flags_of_settings_are_those_of_the_table() {
    let cli = Cli::command();
    let fix = cli.find_subcommand("fix").unwrap();
    let flags: Vec<&str> = table::ALL.iter().map(|row| row.flag).filter(|flag| !flag.is_empty()).collect();
    for flag in &flags {
        assert!(fix.get_arguments().any(|arg| arg.get_long() == Some(flag)), "voe fix has no --{flag}");
    }
    for command in ["demo", "doctor", "replay"] {
        let own = ["base-url", "model", "api-key-env", "provider", "sandbox"];
        let arguments = cli.find_subcommand(command).unwrap().get_arguments().filter_map(|arg| arg.get_long());
        for flag in arguments.filter(|flag| own.contains(flag)) {
            assert!(flags.contains(&flag), "voe {command} has --{flag}");
        }
    }
}

/// The table of the page.
fn page() -> String {
    let cell = |text: String| text.replace('|', "\\|");
    let line = |row: &&SettingRow| {
        let flag = if row.flag.is_empty() { String::new() } else { format!("`--{}`", row.flag) };
        let default = match (row.default.text(), row.default) {
            (Some(text), _) if !text.is_empty() => format!("`{text}`"),
            (_, super::row::Default::Depends(what)) => what.to_owned(),
            _ => String::new(),
        };
        let repository = match row.by_repository {
            ByRepository::Sets => "yes",
            ByRepository::Asks => "with your consent",
            ByRepository::Never => "no",
        };
        let bench = match row.in_bench {
            InBench::Run | InBench::Everywhere => "yes",
            InBench::Refused(_) | InBench::RefusedInRun(_) => "no",
        };
        format!(
            "| `{}` | {flag} | `{}` | {} | {repository} | {bench} | {} |",
            row.name,
            row.env,
            cell(default),
            cell(row.about.to_owned())
        )
    };
    let head = "| setting | flag | variable | default | by the repository | in the bench | what |\n|---|---|---|---|---|---|---|";
    format!("{head}\n{}\n", table::ALL.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Why a bench does not take a setting, as the page has it.
fn not_in_the_bench() -> String {
    let line = |row: &&SettingRow| match row.in_bench {
        InBench::Refused(why) | InBench::RefusedInRun(why) => Some(format!("- `{}`: {why}\n", row.name)),
        _ => None,
    };
    table::ALL.iter().filter_map(line).collect()
}

#[test]
fn the_page_of_documentation_has_the_rows_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let text = std::fs::read_to_string(path).unwrap();
    for part in [page(), not_in_the_bench()] {
        assert!(text.contains(&part), "{path} should have:\n{part}");
    }
}
