//! `doorward serve`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use doorward_model::{Clock, ports::SystemClock};
use doorward_transport::{
    Listeners, Tls,
    address::TrustedProxies,
    serve::{Deadlines, Limits, serve},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    Failed,
    app::App,
    certificate::Certificate,
    config::{ConfigSource, Loaded},
    control,
    data_dir::DataDir,
    metrics::Measured,
    out, readiness,
    reload::Reloader,
    running::Running,
    supervisor::Supervisor,
};

/// Runs a server until SIGTERM or SIGINT. A second signal ends it without waiting.
pub async fn run(
    source: ConfigSource,
    loaded: Loaded,
    data_dir: &DataDir,
    configuration: Option<PathBuf>,
) -> Result<(), Failed> {
    let checked = loaded.check_to_serve()?;
    let config = loaded.config.clone();
    let lock = data_dir.lock()?;
    data_dir.close_to_others();
    let sockets = checked
        .listen
        .bind()
        .await
        .map_err(|error| refused_listener("server.listen", &checked.listen, &error))?;
    let bound = sockets
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failed::because)?;
    let port = bound.first().map_or(checked.listen.port(), SocketAddr::port);
    let public_url = checked.public_url(port)?;
    let certificate = Certificate::open(&checked, data_dir, &public_url, Arc::new(SystemClock))?;
    let tls = certificate.as_ref().map(|certificate| certificate.tls.clone());
    let limits = Limits {
        connections: config.server.max_connections,
        connections_per_address: config.server.max_connections_per_address,
        proxies: checked.proxies.clone(),
        deadlines: Deadlines::default(),
        shutdown: Duration::from_secs(config.server.shutdown_seconds),
    };
    let running = Running {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        started_at: SystemClock.now().0,
        public_url: public_url.as_str().to_owned(),
        listen: bound.iter().map(ToString::to_string).collect(),
        certificate: tls.as_ref().and_then(|tls| std::path::absolute(tls.certificate()).ok()),
        metrics: Some(config.metrics.listen.clone()).filter(|listen| !listen.is_empty()),
        configuration: configuration.and_then(|path| std::path::absolute(path).ok()),
    };
    // First, since a command may look for it while the database is opened.
    data_dir.note(&running).map_err(|error| {
        Failed(format!("{} cannot be written to: {error}", data_dir.path().display()))
    })?;
    let app = App::open(config, &checked, data_dir, public_url, Arc::new(SystemClock)).await?;
    announce(&app, tls.as_ref()).await?;
    tracing::info!(listen = %running.listen.join(" "), public_url = %app.public_url, backend = %app.store.backend(), "serving");
    let mut supervisor = Supervisor::new(app.store.clone());
    app.housekeeping()?.start(&mut supervisor, &app.stop);
    supervisor.start("health", app.admin.health.vitals.clone().watch(app.stop.clone()));
    if let Some(certificate) = certificate {
        supervisor.start("certificate", certificate.follow(app.stop.clone()));
    }
    metrics(&app, &mut supervisor).await?;
    #[cfg(feature = "connectors")]
    app.start_connectors(&mut supervisor);
    #[cfg(feature = "knowledge")]
    app.start_mirrors(&mut supervisor);
    follow_file(&app, source, loaded, data_dir, &mut supervisor);
    let listeners = Listeners::new(sockets, tls);
    // Connections wait in the sockets until they are accepted.
    readiness::tell(readiness::State::Ready);
    let serving = serve(listeners, app.router(), limits, stopped(app.stop.clone()));
    let finished = supervisor.beside(serving, &app.stop).await;
    // Whatever ended, and with requests that were dropped too: a token that its issuer is just
    // replacing is stored before the store stops.
    #[cfg(feature = "connectors")]
    if let Some(connectors) = &app.connectors {
        connectors.finish().await;
    }
    app.gateway.finish().await;
    app.federation.finish_rotations().await;
    let finished = finished?;
    if let Err(error) = app.store.flush().await {
        tracing::warn!(%error, "the last entries of the audit were not written");
    }
    if !finished {
        tracing::warn!("some requests did not finish in time");
    }
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}

/// Follows the configuration file, and answers commands that ask for it.
fn follow_file(
    app: &Arc<App>,
    source: ConfigSource,
    loaded: Loaded,
    data_dir: &DataDir,
    supervisor: &mut Supervisor,
) {
    let (parts, store) = (Arc::clone(&app.in_effect), app.store.clone());
    let (reloader, requests) = Reloader::new(source, loaded, parts, store, app.loading.clone());
    supervisor.start("configuration", reloader.run(app.stop.clone()));
    supervisor.start("commands", control::serve(data_dir.clone(), requests, app.stop.clone()));
}

/// Serves metrics on a listener of their own, if the configuration names one.
async fn metrics(app: &Arc<App>, supervisor: &mut Supervisor) -> Result<(), Failed> {
    let Some(listen) = app.metrics_listener() else {
        return Ok(());
    };
    let listener = TcpListener::bind(&listen)
        .await
        .map_err(|error| refused_listener("metrics.listen", &listen, &error))?;
    tracing::info!(%listen, "serving metrics");
    let limits = Limits {
        connections: 32,
        connections_per_address: 16,
        proxies: TrustedProxies::default(),
        deadlines: Deadlines::default(),
        shutdown: Duration::from_secs(1),
    };
    let measured = Measured {
        metrics: Arc::clone(&app.metrics),
        health: app.admin.health.clone(),
        store: app.store.clone(),
    };
    let (router, stop) = (crate::metrics::router(measured), app.stop.clone());
    supervisor.start("metrics", async move {
        serve(listener, router, limits, stop.cancelled_owned()).await;
    });
    Ok(())
}

/// Says where to go next.
async fn announce(app: &App, tls: Option<&Tls>) -> Result<(), Failed> {
    out::line(format_args!("Doorward {} is ready.", env!("CARGO_PKG_VERSION")));
    out::line("");
    out::line(format_args!("  MCP URL      {}", app.public_url.at(doorward_model::routes::MCP)));
    out::line(format_args!(
        "  Your page    {}",
        app.public_url.at(doorward_model::routes::ACCOUNT)
    ));
    let administrated =
        app.accounts.list().await?.iter().any(doorward_model::User::is_administrator);
    if !administrated {
        out::line(format_args!("  First step   {}", app.admin_link().await?));
        out::line(
            "               (a one-time link that makes the user who opens it an administrator; \
             for a new one: doorward admin-link)",
        );
    }
    if let Some(tls) = tls {
        // The whole path: the file is copied to other machines.
        let file = std::path::absolute(tls.certificate());
        let file = file.unwrap_or_else(|_| tls.certificate().to_owned());
        out::line(format_args!("  Certificate  {}", file.display()));
        out::line(format_args!("  SHA-256      {}", tls.fingerprint()));
    }
    out::line("");
    out::flush();
    Ok(())
}

/// Completes at the first signal, and then watches for the second.
async fn stopped(stop: tokio_util::sync::CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; stop the server by SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    tracing::info!("stopping: requests in flight finish; a second signal ends them");
    readiness::tell(readiness::State::Stopping);
    stop.cancel();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::warn!("ended by a second signal");
        std::process::exit(1);
    });
}

/// A listener that the operating system refuses, with the remedy.
fn refused_listener(
    setting: &str,
    listen: &impl std::fmt::Display,
    error: &std::io::Error,
) -> Failed {
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; stop the program that uses this port, or choose another"
        }
        std::io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one, or permit it"
        }
        std::io::ErrorKind::AddrNotAvailable => "; this machine has no such IP address",
        _ => "",
    };
    Failed(format!("{setting}: {listen} cannot be listened on: {error}{remedy}"))
}
