//! What the official images do to a checkout before the installation, used without a `specs*.json`.

/// Makes pytest print a summary of all tests, which the log parser reads.
const SPHINX: [&str; 1] = ["sed -i 's/pytest/pytest -rA/' tox.ini"];

/// Upper bounds on packages whose later versions don't work with older versions of Sphinx.
const OLD_SPHINX: [&str; 8] = [
    "sed -i 's/Jinja2>=2.3/Jinja2<3.0/' setup.py",
    "sed -i 's/sphinxcontrib-applehelp/sphinxcontrib-applehelp<=1.0.7/' setup.py",
    "sed -i 's/sphinxcontrib-devhelp/sphinxcontrib-devhelp<=1.0.5/' setup.py",
    "sed -i 's/sphinxcontrib-qthelp/sphinxcontrib-qthelp<=1.0.6/' setup.py",
    "sed -i 's/alabaster>=0.7,<0.8/alabaster>=0.7,<0.7.12/' setup.py",
    r#"sed -i "s/'packaging',/'packaging', 'markupsafe<=2.0.1',/" setup.py"#,
    "sed -i 's/sphinxcontrib-htmlhelp\\(>=2.0.0\\)\\?/&<=2.0.4/; s/>=2.0.0<=/>=2.0.0,<=/' setup.py",
    "sed -i 's/sphinxcontrib-serializinghtml\\(>=1.1.5\\)\\?/&<=1.1.9/; s/>=1.1.5<=/>=1.1.5,<=/' setup.py",
];

const ASTROPY: [&str; 1] =
    [r#"sed -i 's/requires = \["setuptools",/requires = \["setuptools==68.0.0",/' pyproject.toml"#];
const PYTEST: [&str; 1] = ["sed -i 's/>=>=/>=/' setup.cfg"];

/// The commands for `repo` at `version`.
pub(super) fn usual(repo: &str, version: &str) -> Vec<&'static str> {
    let old = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 5);
    match repo {
        "sphinx-doc/sphinx" if old => [&SPHINX[..], &OLD_SPHINX[..]].concat(),
        "sphinx-doc/sphinx" => SPHINX.to_vec(),
        "astropy/astropy" if matches!(version, "4.3" | "5.0" | "5.1" | "5.2") => ASTROPY.to_vec(),
        "pytest-dev/pytest" if version == "6.3" => PYTEST.to_vec(),
        _ => Vec::new(),
    }
}
