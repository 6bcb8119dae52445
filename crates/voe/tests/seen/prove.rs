//! What `voe prove` prints, by outcome and format.

use crate::shown;
use crate::support::Bench;

/// Shell functions, whose errors read the same with every version.
fn repository() -> Bench {
    Bench::new(&[
        ("calc.sh", "add() { echo $(($1 - $2)); }\nmul() { echo $(($1 * $2)); }\n"),
        ("check_mul.sh", ". ./calc.sh\n[ \"$(mul 2 3)\" = 6 ] || { echo \"Error: mul gives $(mul 2 3)\"; exit 1; }\n"),
    ])
}

#[test]
fn proofs_by_outcome() {
    let bench = repository();
    let check = "sh -c '. ./calc.sh; [ $(add 2 3) = 5 ] || { echo \"Error: add gives $(add 2 3)\"; exit 1; }'";
    let commit = regex::Regex::new("against [0-9a-f]{12}").unwrap();
    let mut all = String::new();
    for (name, text, args) in [
        ("proven", "add() { echo $(($1 + $2)); }\nmul() { echo $(($1 * $2)); }\n", &["--check", check][..]),
        (
            "regression",
            "add() { echo $(($1 + $2)); }\nmul() { echo $(($1 + $2)); }\n",
            &["--check", check, "--tests", "sh check_mul.sh"],
        ),
        ("not proven", "add() { echo $(($2 - $1)); }\nmul() { echo $(($1 * $2)); }\n", &["--check", check]),
        ("no check", "add() { echo $(($1 + $2)); }\nmul() { echo $(($1 * $2)); }\n", &[]),
    ] {
        bench.write("calc.sh", text);
        for format in ["text", "md", "github", "sarif"] {
            let said = bench.voe(&[&["prove", "--format", format], args].concat());
            let shown = commit.replace_all(&shown(&said, &bench), "against [COMMIT]").into_owned();
            all += &format!("##### {name}, {format}\n{shown}\n");
        }
    }
    insta::with_settings!({ description => "voe prove", omit_expression => true }, {
        insta::assert_snapshot!("prove", all);
    });
}
