//! Connections from the first to the last: our own accept loop, because axum's graceful shutdown waits for open streams
//! for ever. A stop has two stages: [`Stop::closing`] lets requests end, [`Stop::cut`] ends what is left.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::api::paths;
use crate::app::App;
use crate::config::HttpLimits;

/// How long to wait before the next try after the system gave no connection (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often a silent connection is asked whether it lives; and how long HTTP/2 may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The two stages of a stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new connections and requests; those that are there may end.
    pub closing: CancellationToken,
    /// Whatever is still open is cut.
    pub cut: CancellationToken,
}

/// Serves until `stop`, and returns when the last connection is gone.
pub async fn serve(listener: TcpListener, router: Router, limits: HttpLimits, stop: Stop) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let builder = builder(&limits);
    while let Some((stream, place)) = accept(&listener, &places, &stop).await {
        let (builder, router, stop) = (builder.clone(), router.clone(), stop.clone());
        let first_request = limits.header_timeout;
        if let Err(error) = prepare(&stream, limits.write_timeout) {
            tracing::debug!(%error, "socket options not set");
        }
        connections.spawn(async move {
            connection(stream, builder, router, first_request, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &Stop,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return (stream, place),
                Err(error) => {
                    tracing::warn!(%error, "no connection accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.closing.cancelled() => None,
        accepted = next => Some(accepted),
    }
}

/// Sets what the system is to watch over: whether the other side still lives and takes in what is sent to it.
fn prepare(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // An answer is written whole; waiting for more of it would only cost time.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEP_ALIVE)?;
    let millis = u32::try_from(write_timeout.as_millis()).unwrap_or(u32::MAX);
    // 0 would mean the system's default.
    Ok(sockopt::set_tcp_user_timeout(stream, millis.max(1))?)
}

fn builder(limits: &HttpLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        // Bodies of megabytes over a link with some delay need more than the 64 KiB that the protocol starts with.
        .adaptive_window(true);
    builder
}

async fn connection(
    stream: TcpStream,
    builder: Builder<TokioExecutor>,
    router: Router,
    first_request: Duration,
    stop: Stop,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let service = router.map_request(move |request| {
        seen.store(true, Ordering::Relaxed);
        paths::clean(request)
    });
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    let mut silent = pin!(tokio::time::sleep(first_request));
    let (mut closing, mut watched) = (false, true);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                // What breaks off a connection is the other side's business.
                if let Err(error) = ended { tracing::debug!(%error, "connection broke off") }
                return;
            }
            () = stop.closing.cancelled(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = stop.cut.cancelled() => return,
            // hyper's own timeout begins once it knows the version, which takes a byte that may never come.
            () = silent.as_mut(), if watched => {
                if !asked.load(Ordering::Relaxed) { return }
                watched = false;
            }
        }
    }
}

/// Stops a server: open streams end at once, requests that are there are answered, and what was accepted is committed.
/// After `limit`, or when `hurry` resolves, the rest is cut. Says whether nothing had to be.
pub async fn drain(
    app: &Arc<App>,
    serving: impl Future<Output = ()>,
    stop: &Stop,
    limit: Duration,
    hurry: impl Future<Output = ()>,
) -> bool {
    let begin = app.clock().monotonic();
    app.close_streams();
    stop.closing.cancel();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        () = serving.as_mut() => true,
        () = tokio::time::sleep(limit) => false,
        () = hurry => false,
    };
    if !ended {
        tracing::warn!(?limit, "connections still open, cut");
        stop.cut.cancel();
        serving.await;
    }
    let left = limit.saturating_sub(app.clock().monotonic().saturating_sub(begin));
    let app = Arc::clone(app);
    let answered = tokio::task::spawn_blocking(move || app.stop(left))
        .await
        .unwrap_or(false);
    ended && answered
}
