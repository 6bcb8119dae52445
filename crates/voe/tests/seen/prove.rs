//! What `voe prove` prints, by outcome and format.

use crate::shown;
use crate::support::Bench;

fn repository() -> Bench {
    Bench::new(&[
        ("calc.py", "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a * b\n"),
        ("check_mul.py", "import calc\n\nassert calc.mul(2, 3) == 6, calc.mul(2, 3)\n"),
    ])
}

#[test]
fn proofs_by_outcome() {
    let bench = repository();
    let check = "python3 -c 'import calc; assert calc.add(2, 3) == 5, calc.add(2, 3)'";
    let mut all = String::new();
    for (name, text, args) in [
        ("proven", "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return a * b\n", &["--check", check][..]),
        (
            "regression",
            "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return a + b\n",
            &["--check", check, "--tests", "python3 check_mul.py"],
        ),
        ("not proven", "def add(a, b):\n    return b - a\n\n\ndef mul(a, b):\n    return a * b\n", &["--check", check]),
        ("no check", "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return a * b\n", &[]),
    ] {
        bench.write("calc.py", text);
        for format in ["text", "md", "github", "sarif"] {
            let said = bench.voe(&[&["prove", "--format", format], args].concat());
            all += &format!("##### {name}, {format}\n{}\n", shown(&said, &bench));
        }
    }
    insta::with_settings!({ description => "voe prove", omit_expression => true }, {
        insta::assert_snapshot!("prove", all);
    });
}
