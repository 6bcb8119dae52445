//! Downloads data sets from the Hugging Face hub: once, resumed after interruptions, verified by checksum.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RANGE;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use voe_model::Secret;

use super::read::hex;

/// How many times an interrupted download is resumed without receiving a byte before voe gives up.
const TRIES: u32 = 5;

/// Most bytes read of the hub's list of files.
const LONGEST_LIST: usize = 4 << 20;

/// Size of the largest accepted data set, in bytes.
const LARGEST: u64 = 4 << 30;

/// Where data sets come from and where they are stored.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Base URL of the hub.
    pub endpoint: String,
    /// Token for data sets that need one.
    pub token: Option<Secret>,
    /// Cache of the hub's own tools on this machine, searched first.
    pub home: Option<PathBuf>,
    /// Directory of voe's downloads.
    pub cache: PathBuf,
    /// Whether to stay offline.
    pub offline: bool,
    /// Size of the largest accepted file, in bytes.
    pub most: u64,
    /// The wait before the second try; it doubles before each further one.
    pub wait: Duration,
}

/// A data set is not available.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The hub can't be reached, or voe is offline.
    #[error(
        "cannot download {dataset} from {endpoint}: {why}; download it on another machine and give the file (.parquet, .jsonl) instead of the suite's name, or set HF_ENDPOINT to a mirror"
    )]
    Offline {
        /// The data set.
        dataset: String,
        /// The hub.
        endpoint: String,
        /// The reason, in one line.
        why: String,
    },
    /// The hub refused the request.
    #[error("{endpoint} refused {dataset} ({status}); if the data set needs an account, set HF_TOKEN to a token")]
    Refused {
        /// The data set.
        dataset: String,
        /// The hub.
        endpoint: String,
        /// HTTP status.
        status: u16,
    },
    /// The hub does not have the file.
    #[error("{dataset} on {endpoint} has no file for the split {split}; give a file instead of the suite's name")]
    NoSplit {
        /// The data set.
        dataset: String,
        /// The hub.
        endpoint: String,
        /// The split.
        split: String,
    },
    /// The checksum of the downloaded file is wrong.
    #[error("{file}: the download has the SHA-256 {found}, but the hub lists {promised}; it was removed, try again")]
    Checksum {
        /// The file on the hub.
        file: String,
        /// The checksum that the hub lists.
        promised: String,
        /// The checksum of the download.
        found: String,
    },
    /// The cache can't be written.
    #[error("cannot write {path}: {source}; free disk space, or set VOE_CACHE_DIR to another directory")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// A file in the hub's list.
#[derive(Debug, Clone, Deserialize)]
struct HubFile {
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    lfs: Option<Lfs>,
}

/// The hub's data about a large file.
#[derive(Debug, Clone, Deserialize)]
struct Lfs {
    oid: String,
}

impl Hub {
    /// Configured by the environment: `HF_ENDPOINT`, `HF_TOKEN` (or the token that the hub's own tools saved), `HF_HOME`,
    /// `HF_HUB_OFFLINE`.
    pub fn from_env(cache: &Path) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home =
            set("HF_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache/huggingface")));
        let saved = || {
            let text = std::fs::read_to_string(home.as_ref()?.join("token")).ok()?;
            (!text.trim().is_empty()).then(|| Secret::new(text.trim()))
        };
        let on = |value: String| !matches!(value.to_lowercase().as_str(), "0" | "false" | "no" | "off");
        Self {
            endpoint: set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: Secret::from_env("HF_TOKEN").or_else(saved),
            home,
            cache: cache.to_owned(),
            offline: set("HF_HUB_OFFLINE").is_some_and(on),
            most: LARGEST,
            wait: Duration::from_secs(1),
        }
    }

    /// Where the hub's own tools store data sets on this machine, solutions included.
    pub fn kept(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let named =
            ["HF_HUB_CACHE", "HF_DATASETS_CACHE"].map(|name| std::env::var_os(name).filter(|dir| !dir.is_empty()));
        self.home.clone().into_iter().chain(named.into_iter().flatten().map(PathBuf::from))
    }

    /// The file with a split of a data set, downloaded if missing.
    ///
    /// # Errors
    /// It can't be downloaded, or the download is damaged.
    pub async fn split(&self, dataset: &str, split: &str) -> Result<PathBuf, HubError> {
        let dir = self.cache.join("suites").join(dataset.replace('/', "__"));
        if let Some(file) = downloaded(&dir, split).or_else(|| self.in_hub_cache(dataset, split)) {
            tracing::debug!(dataset = ?dataset, split = ?split, "data set is in the cache");
            return Ok(file);
        }
        tracing::info!(dataset = ?dataset, split = ?split, "data set is downloaded");
        if self.offline {
            return Err(self.unreachable(dataset, "HF_HUB_OFFLINE is set"));
        }
        let client = client().map_err(|why| self.unreachable(dataset, &why))?;
        let listed = self.listed(&client, dataset, split).await?;
        let to = dir.join(format!("{split}.{}", listed.path.rsplit('.').next().unwrap_or_default()));
        self.download(&client, dataset, &listed, &to).await?;
        Ok(to)
    }

    /// Finds a file that the hub's own tools have downloaded.
    fn in_hub_cache(&self, dataset: &str, split: &str) -> Option<PathBuf> {
        let snapshots =
            self.home.as_ref()?.join("hub").join(format!("datasets--{}", dataset.replace('/', "--"))).join("snapshots");
        let mut found: Vec<_> = std::fs::read_dir(snapshots)
            .ok()?
            .flatten()
            .flat_map(|snapshot| std::fs::read_dir(snapshot.path().join("data")).into_iter().flatten().flatten())
            .filter(|file| is_split(&format!("data/{}", file.file_name().to_string_lossy()), split))
            .filter_map(|file| Some((file.path().metadata().ok()?.modified().ok()?, file.path())))
            .collect();
        found.sort();
        found.pop().map(|(_, path)| path)
    }

    async fn listed(&self, client: &reqwest::Client, dataset: &str, split: &str) -> Result<HubFile, HubError> {
        let url = format!("{}/api/datasets/{dataset}/tree/main/data", self.endpoint.trim_end_matches('/'));
        let mut response = self.get(client, &url, 0).await.map_err(|why| self.unreachable(dataset, &why))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(dataset, status));
        }
        let list = bounded(&mut response, LONGEST_LIST).await;
        let files: Result<Vec<HubFile>, String> =
            list.and_then(|list| serde_json::from_slice(&list).map_err(|error| error.to_string()));
        let files = files.map_err(|why| self.unreachable(dataset, &format!("its list of files: {why}")))?;
        let mut of_split = files.into_iter().filter(|file| is_split(&file.path, split));
        match (of_split.next(), of_split.next()) {
            (Some(file), None) => Ok(file),
            _ => Err(HubError::NoSplit {
                dataset: dataset.to_owned(),
                endpoint: self.endpoint.clone(),
                split: split.to_owned(),
            }),
        }
    }

    /// Downloads into a file next to `to`, resuming an interrupted download, and moves it there when it is
    /// complete.
    async fn download(
        &self,
        client: &reqwest::Client,
        dataset: &str,
        listed: &HubFile,
        to: &Path,
    ) -> Result<(), HubError> {
        let io = |source| HubError::Io { path: to.to_owned(), source };
        if let Some(dir) = to.parent() {
            std::fs::create_dir_all(dir).map_err(io)?;
        }
        let part = to.with_extension("part");
        let url = format!("{}/datasets/{dataset}/resolve/main/{}", self.endpoint.trim_end_matches('/'), listed.path);
        let too_large = || self.unreachable(dataset, &format!("{} is larger than {} bytes", listed.path, self.most));
        if listed.size > self.most {
            return Err(too_large());
        }
        let (mut fruitless, mut wait) = (0, self.wait);
        loop {
            let had = part.metadata().map_or(0, |meta| meta.len());
            if listed.size > 0 && had >= listed.size {
                break;
            }
            let why = match self.piece(client, &url, had, &part).await? {
                Ok(()) if listed.size == 0 => break,
                Ok(()) => "the connection broke".to_owned(),
                Err(DownloadFailure::Refused(status)) => return Err(self.refused(dataset, status)),
                Err(DownloadFailure::Passing(why)) => why,
            };
            let got = part.metadata().map_or(0, |meta| meta.len());
            if got > self.most {
                let _ = std::fs::remove_file(&part);
                return Err(too_large());
            }
            if got > had {
                (fruitless, wait) = (0, self.wait);
                continue;
            }
            fruitless += 1;
            if fruitless >= TRIES {
                return Err(self.unreachable(dataset, &why));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        let found = hex(&Sha256::digest(std::fs::read(&part).map_err(io)?));
        if let Some(lfs) = listed.lfs.as_ref().filter(|lfs| lfs.oid != found) {
            let _ = std::fs::remove_file(&part);
            return Err(HubError::Checksum { file: listed.path.clone(), promised: lfs.oid.clone(), found });
        }
        std::fs::write(to.with_extension("sha256"), &found).map_err(io)?;
        std::fs::rename(&part, to).map_err(io)
    }

    /// Requests the missing part and appends it to `part` as it arrives.
    async fn piece(
        &self,
        client: &reqwest::Client,
        url: &str,
        had: u64,
        part: &Path,
    ) -> Result<Result<(), DownloadFailure>, HubError> {
        let io = |source| HubError::Io { path: part.to_owned(), source };
        let mut response = match self.get(client, url, had).await {
            Ok(response) => response,
            Err(why) => return Ok(Err(DownloadFailure::Passing(why))),
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Ok(Err(DownloadFailure::Passing(format!("it answered {status}"))));
        }
        if !status.is_success() {
            return Ok(Err(DownloadFailure::Refused(status)));
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(part).map_err(io)?;
        if status != StatusCode::PARTIAL_CONTENT {
            // A server that can't resume a download sends all of it again.
            file.set_len(0).map_err(io)?;
        }
        let mut length = file.metadata().map_err(io)?.len();
        loop {
            match response.chunk().await {
                Ok(Some(_)) if length > self.most => {
                    return Ok(Err(DownloadFailure::Passing("it is too large".to_owned())));
                }
                Ok(Some(bytes)) => {
                    file.write_all(&bytes).map_err(io)?;
                    length += bytes.len() as u64;
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(DownloadFailure::Passing(error.to_string()))),
            }
        }
    }

    async fn get(&self, client: &reqwest::Client, url: &str, from: u64) -> Result<reqwest::Response, String> {
        let mut request = client.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.send().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{}{cause}", error.without_url())
        })
    }

    fn unreachable(&self, dataset: &str, why: &str) -> HubError {
        HubError::Offline { dataset: dataset.to_owned(), endpoint: self.endpoint.clone(), why: why.to_owned() }
    }

    fn refused(&self, dataset: &str, status: StatusCode) -> HubError {
        if matches!(status.as_u16(), 401 | 403 | 404) {
            let (dataset, endpoint) = (dataset.to_owned(), self.endpoint.clone());
            return HubError::Refused { dataset, endpoint, status: status.as_u16() };
        }
        self.unreachable(dataset, &format!("it answered {status}"))
    }
}

/// A body of at most `most` bytes.
pub(crate) async fn bounded(response: &mut reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| error.to_string())? {
        body.extend_from_slice(&bytes);
        if body.len() > most {
            return Err(format!("it has more than {most} bytes"));
        }
    }
    Ok(body)
}

/// A client for downloads, with the system's certificates where there are any.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_secs(60))
        .user_agent(concat!("voe/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

/// Why a piece of a download failed.
enum DownloadFailure {
    /// Another try may succeed.
    Passing(String),
    /// Another try won't succeed.
    Refused(StatusCode),
}

/// `data/test-00000-of-00001.parquet`, `data/test.jsonl` …
fn is_split(path: &str, split: &str) -> bool {
    let Some(name) = path.strip_prefix("data/") else { return false };
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let stem_fits = stem == split || stem.strip_prefix(split).is_some_and(|rest| rest.starts_with('-'));
    stem_fits && matches!(extension, "parquet" | "jsonl" | "json")
}

/// An earlier download, if it is unchanged.
fn downloaded(dir: &Path, split: &str) -> Option<PathBuf> {
    let file = ["parquet", "jsonl", "json"].map(|extension| dir.join(format!("{split}.{extension}")));
    let file = file.into_iter().find(|file| file.is_file())?;
    let promised = std::fs::read_to_string(file.with_extension("sha256")).ok()?;
    (promised.trim() == hex(&Sha256::digest(std::fs::read(&file).ok()?))).then_some(file)
}
