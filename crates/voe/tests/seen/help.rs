//! The help of every command.

use crate::support::Bench;

/// Subcommands of the command `path`, read from its help.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_help_of_every_command() {
    let bench = Bench::new(&[]);
    let mut open = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let said = bench.voe(&args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        for name in subcommands(&said.out) {
            open.push([&path[..], &[name]].concat());
        }
        let name = if path.is_empty() { "voe".to_owned() } else { format!("voe-{}", path.join("-")) };
        insta::with_settings!({ description => format!("voe {}", args.join(" ")), omit_expression => true }, {
            insta::assert_snapshot!(format!("help-{name}"), said.out);
        });
        seen += 1;
    }
    assert!(seen > 15, "only {seen} commands");
}
