//! Recognises commands that install packages, for strategies that forbid it.

/// Whether some part of `command` installs or removes packages.
pub fn installs_packages(command: &str) -> bool {
    command.split(['\n', ';', '|', '&', '(', ')']).any(|part| {
        let words: Vec<&str> =
            part.split_whitespace().filter(|w| !w.contains('=') && *w != "sudo" && *w != "env").collect();
        let words: Vec<&str> = match words.as_slice() {
            [python, "-m", rest @ ..] if python.contains("python") => rest.to_vec(),
            ["uv", rest @ ..] => rest.to_vec(),
            words => words.to_vec(),
        };
        let Some((program, arguments)) = words.split_first() else { return false };
        let program = program.rsplit('/').next().unwrap_or(program);
        let verb = arguments.iter().find(|a| !a.starts_with('-')).copied().unwrap_or("");
        match program {
            "pip" | "pip3" | "conda" | "mamba" | "apt" | "apt-get" | "apk" | "dnf" | "yum" | "brew" | "gem" => {
                matches!(verb, "install" | "uninstall" | "remove" | "add" | "upgrade" | "update")
            }
            "npm" | "yarn" | "pnpm" => matches!(verb, "install" | "i" | "add" | "ci" | "remove" | "uninstall"),
            "cargo" | "go" => verb == "install" || verb == "add",
            "easy_install" => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::installs_packages;

    #[test]
    fn installs_are_recognised_in_compound_commands_too() {
        for command in [
            "pip install x",
            "cd a && python3 -m pip install -e .",
            "sudo apt-get -y install gcc",
            "uv pip install x",
            "FOO=1 npm i left-pad",
        ] {
            assert!(installs_packages(command), "{command}");
        }
        for command in [
            "pip list",
            "pytest tests/install",
            "python setup.py build_ext --inplace",
            "grep 'pip install' README",
            "npm test",
        ] {
            assert!(!installs_packages(command), "{command}");
        }
    }
}
