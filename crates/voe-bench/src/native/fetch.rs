//! The pinned environment of a task from the official repository, used without `--environments`: fetched once, at a fixed commit.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::pinned;
use super::pins::Environment;
use crate::suite::hub::{bounded, client};

/// Most bytes read of a list of packages.
const LONGEST: usize = 1 << 20;

/// The commit of the official repository that the lists are taken from.
const COMMIT: &str = "7a21e05772954cc81471ae19d56f436cecf43c54";
/// How many times fetching a list is tried.
const TRIES: u32 = 3;
/// How long an unreachable server is not asked again.
const REST: Duration = Duration::from_secs(60);

/// Where the lists come from and are kept.
#[derive(Debug, Clone)]
pub struct Lists {
    /// Base URL of the official repository's files.
    pub endpoint: String,
    /// The wait before the second try; it doubles before the third.
    pub wait: Duration,
    /// Why the server can't be reached, and since when: for a while other tasks don't wait for it.
    unreachable: Arc<Mutex<Option<(Instant, String)>>>,
    /// How long that is reused: an outage ends, and a run takes hours.
    rest: Duration,
}

impl Default for Lists {
    fn default() -> Self {
        let endpoint = std::env::var("VOE_ENVIRONMENTS_URL").ok().filter(|url| !url.is_empty());
        Self::new(endpoint.unwrap_or_else(official), Duration::from_secs(2))
    }
}

/// The official repository's files.
fn official() -> String {
    format!("https://raw.githubusercontent.com/SWE-bench/SWE-bench/{COMMIT}")
}

/// Path of a list in the cache.
fn kept(cache: &Path, id: &str) -> PathBuf {
    cache.join("suites/environments").join(format!("{COMMIT:.8}")).join(format!("{id}.yml"))
}

impl Lists {
    /// Lists below `endpoint`; `wait`: the wait before the second try.
    pub fn new(endpoint: String, wait: Duration) -> Self {
        Self { endpoint, wait, unreachable: Arc::default(), rest: REST }
    }

    /// The environment of the task `id` of `repo`, if it was fetched before; `None` if it has to be fetched.
    ///
    /// # Errors
    /// There is none to fetch, or the fetched file is not a list of packages; the message includes a remedy.
    pub fn known(&self, cache: &Path, repo: &str, id: &str) -> Result<Option<Environment>, String> {
        let path = kept(cache, id);
        match std::fs::read_to_string(&path) {
            Ok(text) => parsed(repo, &text, &path).map(Some),
            // Another server may have others.
            Err(_) if self.endpoint != official() || pinned::is_pinned(repo, id) => Ok(None),
            Err(_) => {
                Err("it has no pinned environment (the official repository has those of SWE-bench Verified); give one \
                           with --environments FILE, or use --backend docker"
                    .to_owned())
            }
        }
    }

    /// The environment of the task `id` of `repo`, fetched if missing.
    ///
    /// # Errors
    /// It can't be fetched, or it is not a list of packages; the message includes a remedy.
    pub async fn get(&self, cache: &Path, repo: &str, id: &str) -> Result<Environment, String> {
        if let Some(known) = self.known(cache, repo, id)? {
            return Ok(known);
        }
        let path = kept(cache, id);
        let text = self.fetch(repo, id, &path).await.map_err(|why| {
            format!(
                "its pinned environment can't be fetched ({why}); give the lists with --environments FILE, or use --backend \
                 docker"
            )
        })?;
        parsed(repo, &text, &path)
    }

    /// Why the server can't be reached, if that was found a short time ago.
    fn unreachable(&self) -> Option<String> {
        let found = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().filter(|(at, _)| at.elapsed() < self.rest).map(|(_, why)| why.clone())
    }

    async fn fetch(&self, repo: &str, id: &str, to: &Path) -> Result<String, String> {
        let number = id.rsplit('-').next().unwrap_or(id);
        let folder = repo.replace('/', "__");
        let url = format!(
            "{}/swebench/resources/swebench-og/{folder}/{number}/environment.yml",
            self.endpoint.trim_end_matches('/')
        );
        if let Some(why) = self.unreachable() {
            return Err(why);
        }
        let client = client()?;
        let (mut reached, mut why, mut wait) = (false, String::new(), self.wait);
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            let text = match client.get(&url).send().await {
                Ok(mut answer) if answer.status().is_success() => {
                    bounded(&mut answer, LONGEST).await.map(|text| String::from_utf8_lossy(&text).into_owned())
                }
                Ok(answer) if answer.status().as_u16() == 404 => return Err(format!("{url} not found")),
                Ok(answer) => {
                    reached = true;
                    why = format!("{url} answered {}", answer.status());
                    continue;
                }
                Err(error) => {
                    reached |= !error.is_connect();
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    Err(format!("{}{}", error.without_url(), cause.unwrap_or_default()))
                }
            };
            match text {
                Ok(text) => {
                    let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
                    made.and_then(|()| voe_untrusted::atomic_write(to, |file| file.write_all(text.as_bytes())))
                        .map_err(|error| format!("cannot write {}: {error}", to.display()))?;
                    return Ok(text);
                }
                Err(error) => why = error,
            }
        }
        if !reached {
            *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), why.clone()));
        }
        Err(why)
    }
}

fn parsed(repo: &str, text: &str, path: &Path) -> Result<Environment, String> {
    read(repo, text).map_err(|why| format!("{} is not a list of packages: {why}; remove it", path.display()))
}

/// Reads what `conda env export` writes: a list under `dependencies`, in it one of pip's.
fn read(repo: &str, text: &str) -> Result<Environment, String> {
    let (mut conda, mut pip) = (Vec::new(), Vec::new());
    let (mut within, mut of_pip) = (false, None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let item = line.trim_start().strip_prefix("- ").map(str::trim);
        match item {
            None => within = line.trim_end() == "dependencies:" || (within && line.trim().is_empty()),
            Some(_) if !within => {}
            Some("pip:") => of_pip = Some(indent),
            Some(pin) if of_pip.is_some_and(|of| indent > of) => pip.push(pin.to_owned()),
            Some(pin) => {
                of_pip = None;
                conda.push(pin.to_owned());
            }
        }
    }
    let python = conda.iter().find_map(|pin| pin.strip_prefix("python="));
    let python = python.and_then(|pin| pin.split('=').next()).ok_or("it has no entry for python")?.to_owned();
    // Tasks whose lists are the same share one environment.
    let hash = blake3::hash(format!("{conda:?}{pip:?}").as_bytes()).to_hex();
    let name = format!("{}-{hash:.10}", repo.rsplit('/').next().unwrap_or(repo));
    Ok(Environment { name, python, conda, pip })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    const LIST: &str = "name: testbed\nchannels:\n  - defaults\ndependencies:\n  - python=3.9.20=he870216_1\n  - pip=24.2=py39_0\n  - pip:\n      - attrs==23.1.0\n      - numpy==1.25.2\nprefix: /opt/miniconda3/envs/testbed\n";

    #[test]
    fn condas_and_pips_pins_are_told_apart() {
        let read = read("psf/requests", LIST).unwrap();
        assert_eq!((read.python.as_str(), read.minor().as_str()), ("3.9.20", "3.9"));
        assert_eq!(read.conda, ["python=3.9.20=he870216_1", "pip=24.2=py39_0"]);
        assert_eq!(read.pip, ["attrs==23.1.0", "numpy==1.25.2"]);
        assert!(read.name.starts_with("requests-"));
        assert!(super::read("psf/requests", "<html>").unwrap_err().contains("no entry for python"));
    }

    /// Answers each request with the next of `answers`.
    fn serve(answers: Vec<(&'static str, &'static str)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut request, mut byte) = (Vec::new(), [0]);
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    request.push(byte[0]);
                }
                asked.push(String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned());
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).unwrap();
            }
            asked
        });
        (address, served)
    }

    #[tokio::test]
    async fn a_list_is_fetched_once_and_a_busy_server_asked_again() {
        let (endpoint, served) = serve(vec![("503 Busy", ""), ("200 OK", LIST)]);
        let (lists, cache) = (Lists::new(endpoint, Duration::ZERO), tempfile::tempdir().unwrap());
        for _ in 0..2 {
            assert_eq!(lists.get(cache.path(), "psf/requests", "psf__requests-5414").await.unwrap().python, "3.9.20");
        }
        let asked = "GET /swebench/resources/swebench-og/psf__requests/5414/environment.yml HTTP/1.1";
        assert_eq!(served.join().unwrap(), [asked, asked]);
    }

    #[tokio::test]
    async fn a_task_without_a_pinned_environment_is_refused_without_asking() {
        let cache = tempfile::tempdir().unwrap();
        // The default server is never asked: this test has no network.
        let lists = Lists::new(official(), Duration::ZERO);
        let why = lists.get(cache.path(), "acme/stats", "acme__stats-1").await.unwrap_err();
        assert!(why.starts_with("it has no pinned environment") && why.contains("--environments FILE"), "{why}");
        assert_eq!(lists.known(cache.path(), "psf/requests", "psf__requests-5414"), Ok(None));
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_reached_is_not_asked_again_for_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let (lists, cache) = (Lists::new(endpoint, Duration::ZERO), tempfile::tempdir().unwrap());
        let first = lists.get(cache.path(), "psf/requests", "psf__requests-1").await.unwrap_err();
        // A second request would show as a wait.
        let lists = Lists { wait: Duration::from_secs(3600), ..lists };
        assert_eq!(lists.get(cache.path(), "psf/requests", "psf__requests-2").await.unwrap_err(), first);
        // The outage and the waiting time are over.
        let (endpoint, served) = serve(vec![("200 OK", LIST)]);
        let lists = Lists { endpoint, rest: Duration::ZERO, ..lists };
        assert!(lists.get(cache.path(), "psf/requests", "psf__requests-2").await.is_ok());
        served.join().unwrap();
    }

    #[tokio::test]
    async fn a_list_that_is_not_there_is_named_with_the_way_out() {
        let (endpoint, served) = serve(vec![("404 Not Found", "")]);
        let (lists, cache) = (Lists::new(endpoint, Duration::ZERO), tempfile::tempdir().unwrap());
        let error = lists.get(cache.path(), "psf/requests", "psf__requests-1").await.unwrap_err();
        assert!(error.contains("/psf__requests/1/environment.yml not found"), "{error}");
        assert!(error.ends_with("give the lists with --environments FILE, or use --backend docker"), "{error}");
        served.join().unwrap();
    }
}
