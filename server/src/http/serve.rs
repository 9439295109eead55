//! Connections: as many as the configuration allows, over TLS or not, and none that is slow to say what it wants.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{config::Limits, tls::Tls};

/// The pause after an error of the listener itself: mostly too many open files.
const PAUSE: Duration = Duration::from_millis(200);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// Most calls at once on one connection of HTTP/2.
const STREAMS: u32 = 100;
/// So often a quiet HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long a connection may be without use.
#[derive(Clone, Copy)]
struct Bounds {
    /// Until it says what it wants.
    patience: Duration,
    /// While it has an answer to take.
    silent: Duration,
}

/// Serves until `stopping`, then lets calls at work go on for a while; `true`: all ended by themselves.
pub async fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    app: Router,
    limits: &Limits,
    stopping: &CancellationToken,
) -> bool {
    let places = Arc::new(Semaphore::new(limits.connections));
    let patience = Duration::from_secs(limits.header_seconds);
    let bounds = Bounds { patience, silent: Duration::from_secs(limits.stall_seconds) * 2 };
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.ok(),
            () = stopping.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = stopping.cancelled() => break,
        };
        // Those that have ended are dropped here.
        while connections.try_join_next().is_some() {}
        let (tls, app, stopping) = (tls.clone(), app.clone(), stopping.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, peer, tls, app, bounds, stopping).await {
                tracing::debug!(%peer, error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(limits.drain_seconds), all).await.is_ok()
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    app: Router,
    bounds: Bounds,
    stopping: CancellationToken,
) -> Result<(), String> {
    let patience = bounds.patience;
    stream.set_nodelay(true).ok();
    // Who takes nothing of an answer, for longer than a body may be silent, is gone: the kernel ends the connection.
    let silent = u32::try_from(bounds.silent.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(&stream, silent).ok();
    let Some(tls) = tls else { return first(stream, peer, app, patience, stopping).await };
    let handshake = tokio::time::timeout(patience, tls.acceptor().accept(stream));
    let stream = handshake.await.map_err(|_| "no TLS handshake in time")?.map_err(|error| error.to_string())?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        second(stream, peer, app, patience, stopping).await
    } else {
        first(stream, peer, app, patience, stopping).await
    }
}

/// HTTP/1.1.
async fn first(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    app: Router,
    patience: Duration,
    stopping: CancellationToken,
) -> Result<(), String> {
    let mut builder = conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD_BYTES);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.call(request)
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended.map_err(|error| error.to_string()),
        () = stopping.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    serving.await.map_err(|error| error.to_string())
}

/// HTTP/2.
async fn second(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    app: Router,
    patience: Duration,
    stopping: CancellationToken,
) -> Result<(), String> {
    let mut builder = conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(patience);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.call(request)
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended.map_err(|error| error.to_string()),
        () = stopping.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    serving.await.map_err(|error| error.to_string())
}
