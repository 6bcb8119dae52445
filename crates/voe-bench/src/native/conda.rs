//! Which of conda's pins are Python packages, and their names on PyPI.

use std::borrow::Cow;

/// Names on PyPI of packages that have another name in conda, by conda's name. Some are parts of a package (`numpy-base`) that
/// PyPI has as a whole.
const NAMES: [(&str, &str); 17] = [
    ("antlr-python-runtime", "antlr4-python3-runtime"),
    ("brotli-python", "brotli"),
    ("dask-core", "dask"),
    ("iris", "scitools-iris"),
    ("matplotlib-base", "matplotlib"),
    ("msgpack-python", "msgpack"),
    ("nbconvert-core", "nbconvert"),
    ("numpy-base", "numpy"),
    ("pyarrow-core", "pyarrow"),
    ("pytables", "tables"),
    ("python-eccodes", "eccodes"),
    ("python-fastjsonschema", "fastjsonschema"),
    ("python-graphviz", "graphviz"),
    ("python-tzdata", "tzdata"),
    ("python-xxhash", "xxhash"),
    ("ruamel_yaml", "ruamel.yaml"),
    ("seaborn-base", "seaborn"),
];

/// Packages that only conda has, by conda's name, each with the reason. They are left out and not reported as missing.
const ONLY_CONDA: [(&str, &str); 10] = [
    ("backports.zoneinfo", "empty in conda for Pythons that have zoneinfo, and not built for these on PyPI"),
    ("cdat_info", "not on PyPI"),
    ("cdms2", "not on PyPI"),
    ("cdtime", "not on PyPI"),
    ("distarray", "another project on PyPI"),
    ("esmpy", "not on PyPI"),
    ("libcf", "not on PyPI"),
    ("pygobject", "no wheels on PyPI; without a display its tests are skipped"),
    ("pyqt", "conda brings Qt itself; without a display its tests are skipped"),
    ("wxpython", "no wheels on PyPI; without a display its tests are skipped"),
];

/// Packages that are part of Python and its installers.
const TOOLS: [&str; 4] = ["python", "pip", "setuptools", "wheel"];

/// One of conda's pins, `name=version=build`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pin<'a> {
    /// Its name in conda.
    pub(super) name: &'a str,
    version: &'a str,
    build: &'a str,
}

impl<'a> Pin<'a> {
    /// Reads one; `None` if it has no version.
    pub(super) fn read(pin: &'a str) -> Option<Self> {
        let mut parts = pin.splitn(3, '=');
        Some(Self { name: parts.next()?, version: parts.next()?, build: parts.next().unwrap_or_default() })
    }

    /// Whether it is a Python package that PyPI should have, too: its build is for one version of Python
    /// (`py39h06a4308_1`, `nompi_py310h9f0ad05_102`) or for all versions (`pyhd8ed1ab_0`).
    pub(super) fn is_package(&self) -> bool {
        let python = |part: &str| match part.strip_prefix("py") {
            Some(rest) => rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == 'h'),
            None => false,
        };
        self.build.split('_').any(python) && !TOOLS.contains(&self.name) && self.only_conda().is_none()
    }

    /// Why PyPI doesn't have it, if known.
    pub(super) fn only_conda(&self) -> Option<&'static str> {
        ONLY_CONDA.iter().find(|(name, _)| *name == self.name).map(|(_, why)| *why)
    }

    /// Its name on PyPI.
    pub(super) fn name_on_pypi(&self) -> &'a str {
        NAMES.iter().find(|(conda, _)| *conda == self.name).map_or(self.name, |(_, pypi)| pypi)
    }

    /// The pin in pip's form.
    pub(super) fn as_pip(&self) -> String {
        format!("{}=={}", self.name_on_pypi(), self.version)
    }
}

/// A package's name as installers compare it: `Typing_Extensions` is `typing-extensions`.
pub(super) fn normal(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return name.into();
    }
    let mut normal = String::new();
    for c in name.chars().map(|c| if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() }) {
        if c != '-' || !normal.ends_with('-') {
            normal.push(c);
        }
    }
    normal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_says_whether_a_pin_is_a_python_package() {
        let is = |pin: &str| Pin::read(pin).unwrap().is_package();
        for pin in [
            "pluggy=1.0.0=py39h06a4308_1",
            "certifi=2020.6.20=pyhd3eb1b0_3",
            "toml=0.10.2=py_0",
            "netcdf4=1.7.1=nompi_py310h9f0ad05_102",
            "click=8.1.7=unix_pyh707e725_0",
        ] {
            assert!(is(pin), "{pin}");
        }
        for pin in [
            "pip=24.2=py39h06a4308_0",
            "zlib=1.2.13=h5eee18b_1",
            "libopenblas=0.3.21=pthreads_h78a6416_3",
            "esmf=8.6.1=nompi_h4441c20_0",
            "python_abi=3.10=5_cp310",
            "typing-extensions=4.12.2=hd8ed1ab_0",
            "cdms2=3.1.5=py310h366d46e_22",
        ] {
            assert!(!is(pin), "{pin}");
        }
    }

    #[test]
    fn names_are_those_of_pypi_and_compared_as_installers_do() {
        let of = |pin: &str| Pin::read(pin).unwrap().as_pip();
        assert_eq!(of("iris=3.11.0=pyha770c72_0"), "scitools-iris==3.11.0");
        assert_eq!(of("brotli-python=1.1.0=py310hf71b8c6_2"), "brotli==1.1.0");
        assert_eq!(of("six=1.16.0=pyhd3eb1b0_1"), "six==1.16.0");
        assert_eq!(normal("Ruamel._yaml"), "ruamel-yaml");
        assert!(NAMES.is_sorted() && ONLY_CONDA.is_sorted());
    }
}
