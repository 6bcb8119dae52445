//! Records which environment each task of a run has: `environments/<id>.toml`. An image or a list of packages can change under the
//! same name between two sessions; then attempts before and after could not be compared.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use voe_untrusted::UntrustedDir;

use super::error::{PrepareError, Remedy};

/// The directory of the files.
const DIR: &str = "environments";

/// Most bytes read of one.
const LONGEST: u64 = 1 << 20;

/// Directory of the files of a run.
#[derive(Debug)]
pub struct Origins {
    run: PathBuf,
    writes: bool,
    /// The first attempts at a task may run at the same time.
    one: Mutex<()>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OriginLine {
    environment: String,
}

impl Origins {
    /// Opens those of the run in `run`. `writes`: whether missing ones are written, by the voe that has locked the run.
    pub fn new(run: PathBuf, writes: bool) -> Self {
        Self { run, writes, one: Mutex::default() }
    }

    /// Compares a task's environment with the one of its first attempt, or records it if this is the first.
    ///
    /// # Errors
    /// The task had another environment before, or its record can't be read or written.
    pub(super) fn check(&self, id: &str, now: &str) -> Result<(), PrepareError> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let run = UntrustedDir::named(&self.run)?;
        let at = Path::new(DIR).join(format!("{id}.toml"));
        let path = self.run.join(&at);
        let different = |why: String| PrepareError::Environment { id: id.to_owned(), why, remedy: Remedy::Reason };
        match run.read_text(&at, LONGEST)? {
            Some(text) => match toml::from_str::<OriginLine>(&text) {
                Ok(then) if then.environment == now => Ok(()),
                Ok(then) => Err(different(format!(
                    "it differs from the one that this run started with ({} then, {now} now); restore it, or start \
                     another run",
                    then.environment
                ))),
                Err(error) => Err(different(format!("cannot read {}: {}", path.display(), error.message()))),
            },
            None if self.writes => {
                let text = toml::to_string(&OriginLine { environment: now.to_owned() });
                let text = text.map_err(|error| PrepareError::io("write", &path)(std::io::Error::other(error)))?;
                run.make_dirs(DIR)?;
                Ok(run.replace(&at, text.as_bytes())?)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_whose_environment_became_another_one_is_refused_with_both() {
        let dir = tempfile::tempdir().unwrap();
        let [origins, reads] = [true, false].map(|writes| Origins::new(dir.path().to_owned(), writes));
        reads.check("a__b-1", "image sha256:0").unwrap();
        origins.check("a__b-1", "image sha256:1").unwrap();
        origins.check("a__b-1", "image sha256:1").unwrap();
        // Several at the same time.
        std::thread::scope(|scope| {
            for n in 0..40 {
                let id = format!("a__b-{}", 2 + n / 8);
                let origins = &origins;
                scope.spawn(move || origins.check(&id, "image sha256:1").unwrap());
            }
        });
        let error = reads.check("a__b-1", "image sha256:2").unwrap_err();
        assert!(error.is_environment());
        insta::assert_snapshot!(error, @"a__b-1: environment: it differs from the one that this run started with (image sha256:1 then, image sha256:2 now); restore it, or start another run");
    }
}
