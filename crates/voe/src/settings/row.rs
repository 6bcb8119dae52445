//! What the table says of a setting.

use super::kind::SettingKind;

/// One setting.
#[derive(Debug)]
pub(crate) struct SettingRow {
    /// As it stands in a file (`table.key`).
    pub(crate) name: &'static str,
    /// The flag, without its dashes; empty: there is none. Commands that have it take it from here.
    pub(crate) flag: &'static str,
    /// The environment variable.
    pub(crate) env: &'static str,
    /// What a value can be.
    pub(crate) kind: SettingKind,
    /// The default.
    pub(crate) default: Default,
    /// What a repository's own `voe.toml` may do with it.
    pub(crate) by_repository: ByRepository,
    /// What `voe bench` does with it. `voe fix` honours all of them.
    pub(crate) in_bench: InBench,
    /// Whether `voe doctor` honours it.
    pub(crate) in_doctor: bool,
    /// Whether commands that open a sandbox of their own, `voe replay --run` and `voe demo`, honour it.
    in_any_sandbox: bool,
    /// What it does.
    pub(crate) about: &'static str,
}

/// The default of a setting.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    /// This, as it stands in a variable.
    Value(&'static str),
    /// The same, from the crate whose default it is.
    Of(fn() -> String),
    /// Something that depends: in words, in brackets behind what the setting does.
    Depends(&'static str),
    /// Nothing.
    Unset,
}

/// What a repository's own `voe.toml` may do with a setting. A repository is not trusted: it must not choose who gets the
/// user's code and money, nor lower the guard against itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByRepository {
    /// It sets it: the attempt gets longer, shorter or different, and nothing else.
    Sets,
    /// It can ask for it; the user is asked once ([`crate::trust::config`]).
    Asks,
    /// It can't.
    Never,
}

/// What `voe bench` does with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InBench {
    /// It honours it in `run`.
    Run,
    /// It honours it in `run`, `grade` and `prepare`: it is about the place where tasks run.
    Everywhere,
    /// It would change what an experiment means without being in its file: why, and what to use. A value in the user's file is
    /// reported and not used; a variable is refused.
    Refused(&'static str),
    /// The same in `run`; to `grade` and `prepare` it has no meaning.
    RefusedInRun(&'static str),
}

impl SettingRow {
    /// A row with what most have in common: a repository may set it, `voe bench run` honours it, and it has no default.
    pub(super) const fn new(name: &'static str, env: &'static str, kind: SettingKind, about: &'static str) -> Self {
        Self {
            name,
            flag: "",
            env,
            kind,
            default: Default::Unset,
            by_repository: ByRepository::Sets,
            in_bench: InBench::Run,
            in_doctor: false,
            in_any_sandbox: false,
            about,
        }
    }

    pub(super) const fn flag(self, flag: &'static str) -> Self {
        Self { flag, ..self }
    }

    pub(super) const fn default(self, default: Default) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn asked(self) -> Self {
        Self { by_repository: ByRepository::Asks, ..self }
    }

    pub(super) const fn guarded(self) -> Self {
        Self { by_repository: ByRepository::Never, ..self }
    }

    pub(super) const fn in_bench(self, in_bench: InBench) -> Self {
        Self { in_bench, ..self }
    }

    pub(super) const fn in_doctor(self) -> Self {
        Self { in_doctor: true, ..self }
    }

    pub(super) const fn in_any_sandbox(self) -> Self {
        Self { in_any_sandbox: true, ..self }
    }

    /// The commands that honour it.
    pub(crate) fn commands(&self) -> Vec<&'static str> {
        let bench: &[&str] = match self.in_bench {
            InBench::Run => &["bench run"],
            InBench::Everywhere => &["bench run", "bench grade", "bench prepare"],
            InBench::Refused(_) | InBench::RefusedInRun(_) => &[],
        };
        let doctor: &[&str] = if self.in_doctor { &["doctor"] } else { &[] };
        let others: &[&str] = if self.in_any_sandbox { &["replay --run", "demo"] } else { &[] };
        [&["fix"], bench, doctor, others].concat()
    }

    /// Whether a value is the default.
    pub(crate) fn is_default(&self, value: &toml::Value) -> bool {
        self.default.text().is_some_and(|text| self.kind.same(&self.kind.read(&text), value))
    }

    /// What it does, and its default where that is not a value.
    pub(crate) fn about_with_default(&self) -> String {
        match self.default {
            Default::Depends(what) => format!("{} [default: {what}]", self.about),
            _ => self.about.to_owned(),
        }
    }
}

impl Default {
    /// The text of the value; `None` where there is none.
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Value(text) => Some(text.to_owned()),
            Self::Of(text) => Some(text()),
            Self::Depends(_) | Self::Unset => None,
        }
    }
}
