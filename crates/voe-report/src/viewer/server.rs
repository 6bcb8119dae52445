//! Serves the viewer on loopback, below a path that nobody can guess.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::connections::{Connections, KnownConnection};
use super::index::ViewerIndex;
use super::token::Token;
use super::{ViewOptions, assets, pages, search};
use crate::ReportError;
use crate::data::suite::TaskSet;
use crate::figure::Figure;

/// Interval at which files are checked for new data.
const REFRESH: Duration = Duration::from_millis(1000);

/// A viewer that is listening but not yet serving.
#[derive(Debug)]
pub struct ViewServer {
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
    shared: Arc<ServerState>,
}

#[derive(Debug)]
struct ServerState {
    index: Mutex<ViewerIndex>,
    suite: Option<TaskSet>,
    made: Mutex<Option<Overview>>,
}

/// The overview of one version of the index.
#[derive(Debug, Clone)]
struct Overview {
    version: u64,
    json: Arc<str>,
    figures: Arc<[Figure]>,
}

impl ServerState {
    fn index(&self) -> MutexGuard<'_, ViewerIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overview(&self) -> Overview {
        let index = self.index();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(overview) if overview.version == index.version => overview.clone(),
            _ => {
                let (value, figures) = pages::overview(&index, self.suite.as_ref());
                let overview =
                    Overview { version: index.version, json: value.to_string().into(), figures: figures.into() };
                *made = Some(overview.clone());
                overview
            }
        }
    }
}

impl ViewServer {
    /// Reads the inputs and opens the port, on loopback only.
    ///
    /// # Errors
    /// An input can't be read, or the port is taken.
    pub async fn bind(options: &ViewOptions) -> Result<Self, ReportError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let failed = |cause| ReportError::Listen { address: address.to_string(), cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let token = Token::random().map_err(failed)?;
        let inputs = options.inputs.clone();
        let suite = options.suite.clone();
        let read = move || -> Result<Arc<ServerState>, ReportError> {
            let shared = ServerState { index: Mutex::new(ViewerIndex::build(&inputs)?), suite, made: Mutex::new(None) };
            // So that the first page is ready when it is first requested.
            shared.overview();
            Ok(Arc::new(shared))
        };
        let shared = tokio::task::spawn_blocking(read).await.map_err(|e| ReportError::Usage(e.to_string()))??;
        Ok(Self { listener, address, token, shared })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for the browser. Anyone who has it can read everything that is viewed.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token.expose())
    }

    /// The number of attempts found so far.
    pub fn attempts(&self) -> usize {
        self.shared.index().attempts()
    }

    /// Serves until `stop` ends.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ReportError> {
        let shared = self.shared.clone();
        let refresh = tokio::spawn(async move {
            let mut beat = tokio::time::interval(REFRESH);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                beat.tick().await;
                let shared = shared.clone();
                // A file that disappears or can't be read now is tried again at the next interval.
                let _ = tokio::task::spawn_blocking(move || shared.index().refresh()).await;
            }
        });
        let (port, token) = (self.address.port(), self.token);
        let pages = Router::new()
            .route("/", get(async || page()))
            .route("/{file}", get(file))
            .route("/figures/{file}", get(figure))
            .route("/data/version", get(version))
            .route("/data/overview", get(overview))
            .route("/data/attempt-{id}", get(attempt))
            .route("/data/steps-{id}/{chunk}", get(steps))
            .route("/data/search", get(find))
            .with_state(self.shared);
        // Around the routes, not within them: the guard removes the token from the path before routing.
        let router = Router::new()
            .fallback_service(pages)
            .layer(middleware::from_fn(move |request, next| guard(port, token.clone(), request, next)));
        let (listener, connections) = Connections::of(self.listener);
        let stop = async move {
            stop.await;
            connections.end();
        };
        let service = router.into_make_service_with_connect_info::<KnownConnection>();
        let served = axum::serve(listener, service).with_graceful_shutdown(stop).await;
        refresh.abort();
        served.map_err(|cause| ReportError::Listen { address: self.address.to_string(), cause })
    }
}

/// Refuses other host names (another site could point its own name here) and paths without the token, and sets
/// the headers of every response.
async fn guard(port: u16, token: Token, mut request: Request, next: Next) -> Response {
    let refuse = |why: &'static str| (StatusCode::FORBIDDEN, why).into_response();
    let mut response = if !is_own_host(&request, port) {
        refuse("this viewer accepts only 127.0.0.1 and localhost as host\n")
    } else {
        match inner_uri(&token, request.uri()) {
            Some(uri) => {
                if let Some(ConnectInfo(known)) = request.extensions().get::<ConnectInfo<KnownConnection>>() {
                    known.set();
                }
                *request.uri_mut() = uri;
                next.run(request).await
            }
            None => refuse("this viewer needs the full URL that `voe view` printed, including the token\n"),
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(assets::policy(false)));
    response
}

/// Whether the request names this machine and this port, once.
fn is_own_host(request: &Request, port: u16) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let host = match host.strip_suffix(&format!(":{port}")) {
        Some(host) => host,
        // Browsers leave out the default port.
        None if port == 80 => host,
        None => return false,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// The path within the viewer, without the token; `None` if the token is wrong.
fn inner_uri(token: &Token, uri: &Uri) -> Option<Uri> {
    let path = token.strip(uri.path())?;
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

fn typed(kind: &'static str, content: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, kind)], content.into()).into_response()
}

fn page() -> Response {
    match assets::page(false) {
        Ok(page) => typed("text/html; charset=utf-8", page),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn json_of(value: Result<Value, ReportError>) -> Response {
    match value {
        Ok(value) => typed("application/json", value.to_string()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, format!("{what} not found")).into_response()
}

async fn file(Path(name): Path<String>) -> Response {
    match assets::files().find(|(file, ..)| *file == name) {
        Some((_, kind, content)) => typed(kind, content.into_owned()),
        None => missing("file"),
    }
}

async fn figure(State(shared): State<Arc<ServerState>>, Path(name): Path<String>) -> Response {
    let figures = shared.overview().figures;
    let of = |id: &str| figures.iter().find(|f| f.id == id);
    let mut response = match name.rsplit_once('.') {
        Some((id, "svg")) => of(id).map(|f| typed("image/svg+xml", f.svg.clone())),
        Some((id, "csv")) => of(id).map(|f| typed("text/csv; charset=utf-8", f.csv.clone())),
        _ => None,
    }
    .unwrap_or_else(|| missing("figure"));
    // An SVG has its own style and may do nothing else, also when opened alone.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

async fn version(State(shared): State<Arc<ServerState>>) -> Response {
    let index = shared.index();
    let live: Vec<[u64; 2]> = index
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.version == index.version || entry.fold.known().reason.is_none())
        .map(|(id, entry)| [id as u64, entry.version])
        .collect();
    let running = index.entries.iter().any(|entry| entry.part_of.is_none() && entry.fold.known().reason.is_none());
    json_of(Ok(json!({"version": index.version, "running": running, "attempts": live})))
}

async fn overview(State(shared): State<Arc<ServerState>>) -> Response {
    reading(move || typed("application/json", shared.overview().json.to_string())).await
}

/// Reads files on a thread for blocking work.
async fn reading(answer: impl FnOnce() -> Response + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(answer).await {
        Ok(response) => response,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn attempt(State(shared): State<Arc<ServerState>>, Path(id): Path<usize>) -> Response {
    reading(move || match pages::attempt(&shared.index(), id) {
        Some(value) => json_of(Ok(value)),
        None => missing("attempt"),
    })
    .await
}

async fn steps(State(shared): State<Arc<ServerState>>, Path((id, chunk)): Path<(usize, usize)>) -> Response {
    reading(move || match shared.index().entries.get(id) {
        Some(entry) if chunk < pages::chunks(entry) => json_of(pages::chunk(entry, chunk)),
        _ => missing("step"),
    })
    .await
}

#[derive(Deserialize)]
struct Wanted {
    q: String,
}

/// Ends the search when the browser no longer waits for it.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn find(State(shared): State<Arc<ServerState>>, Query(Wanted { q }): Query<Wanted>) -> Response {
    let targets = search::targets(&shared.index());
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let flag = stop.0.clone();
    let found = tokio::task::spawn_blocking(move || search::search(&targets, &q, &flag)).await;
    json_of(found.map_err(|e| ReportError::Usage(e.to_string())))
}
