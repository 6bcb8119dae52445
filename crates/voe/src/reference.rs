//! `docs/commands.md`, made from the command line's own definitions. It is rewritten by
//! `VOE_UPDATE_DOCS=1 cargo test -p voe --bins reference`.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

const HEAD: &str = "\
<!-- Made from the command line's definitions; `VOE_UPDATE_DOCS=1 cargo test -p voe --bins reference` writes it again. -->

# Commands

`voe COMMAND --help` prints the same. [Settings](settings.md) has what can be set elsewhere than by a flag, [Exit codes](exit-codes.md)
what a command ends with.
";

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = HEAD.to_owned();
    for command in visible(&root) {
        section(command, &mut page);
    }
    page
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = write!(page, "\n## `{name}`\n\n{}\n\n```text\n{usage}\n```\n", sentence(&about));
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect();
    if !arguments.is_empty() {
        page.push_str("\n| argument | what |\n|---|---|\n");
    }
    for arg in arguments {
        let _ = writeln!(page, "| `{}` | {} |", cell(&shape(arg)), cell(&meaning(arg)));
    }
    for command in visible(command) {
        section(command, page);
    }
}

/// `-q, --quiet`, `--model NAME`, `PROBLEM`, `INPUT…`.
fn shape(arg: &Arg) -> String {
    let values: Vec<String> = match arg.get_value_names() {
        Some(names) if arg.get_num_args().is_none_or(|range| range.takes_values()) => {
            names.iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    };
    let more = if arg.get_num_args().is_some_and(|range| range.max_values() > 1) { "…" } else { "" };
    let values = values.join(" ");
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    match arg.get_long() {
        Some(long) if values.is_empty() => format!("{short}--{long}"),
        Some(long) => format!("{short}--{long} {values}"),
        None => format!("{values}{more}"),
    }
}

fn meaning(arg: &Arg) -> String {
    let mut text = sentence(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let takes_values = arg.get_num_args().is_none_or(|range| range.takes_values());
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if takes_values && !values.is_empty() {
        let _ = write!(text, " One of {}.", values.join(", "));
    }
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes_values && !defaults.is_empty() {
        let _ = write!(text, " Default: {}.", defaults.join(", "));
    }
    text
}

fn sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    if text.is_empty() || text.ends_with(['.', ']', ')']) { text } else { format!("{text}.") }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[test]
fn the_page_of_commands_is_what_the_command_line_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let page = page();
    if std::env::var_os("VOE_UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(there, page, "write it again with VOE_UPDATE_DOCS=1 cargo test -p voe --bins reference");
}
