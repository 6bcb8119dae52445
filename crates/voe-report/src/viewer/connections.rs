//! The viewer's connections. Any user of the machine can connect, but those without the token can't block others.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Most open connections. A browser opens six to one server.
const MOST: usize = 32;

/// A listener that closes the oldest connection without the token when there are too many.
#[derive(Debug)]
pub(super) struct Connections {
    tcp: TcpListener,
    table: Arc<ConnectionTable>,
}

impl Connections {
    pub(super) fn of(tcp: TcpListener) -> (Self, Arc<ConnectionTable>) {
        let table = Arc::default();
        (Self { tcp, table: Arc::clone(&table) }, table)
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        (ConnectionTable::add(&self.table, stream), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// The open connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct ConnectionTable(Mutex<OpenConnections>);

#[derive(Debug, Default)]
struct OpenConnections {
    next: u64,
    is_ending: bool,
    by_age: BTreeMap<u64, (KnownConnection, oneshot::Sender<()>)>,
}

impl ConnectionTable {
    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(table: &Arc<Self>, stream: TcpStream) -> Connection {
        let (close, closed) = oneshot::channel();
        let known = KnownConnection::default();
        let mut open = table.open();
        let id = open.next;
        open.next += 1;
        if open.by_age.len() >= MOST {
            let unknown = open.by_age.iter().find(|(_, (known, _))| !known.is_set()).map(|(id, _)| *id);
            if let Some(oldest) = unknown.or_else(|| open.by_age.keys().next().copied()) {
                // Dropping its sender closes it.
                open.by_age.remove(&oldest);
            }
        }
        if !open.is_ending {
            open.by_age.insert(id, (known.clone(), close));
        }
        drop(open);
        Connection { id, stream, known, closed, table: Arc::clone(table) }
    }

    /// Closes connections that never sent the token, now and in the future, so that shutdown does not wait for them.
    pub(super) fn end(&self) {
        let mut open = self.open();
        open.is_ending = true;
        open.by_age.retain(|_, (known, _)| known.is_set());
    }
}

/// Whether a connection has sent a request with the token.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownConnection(Arc<AtomicBool>);

impl KnownConnection {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connected<IncomingStream<'_, Connections>> for KnownConnection {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.io().known.clone()
    }
}

/// A connection that the table can close.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    stream: TcpStream,
    known: KnownConnection,
    closed: oneshot::Receiver<()>,
    table: Arc<ConnectionTable>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.table.open().by_age.remove(&self.id);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if Pin::new(&mut self.closed).poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
