//! The reason why a database of PostgreSQL cannot be opened, and the remedy. The pool of connections
//! repeats a refused connection until its time is over and then names that time alone.

use std::{io, str::FromStr, time::Duration};

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{Error, error::DatabaseError, postgres::PgConnectOptions},
};
use tokio::{net::TcpStream, time::timeout};

use crate::StoreError;

/// The time that one more attempt at a connection may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// The failure to open the database of this URL.
pub(crate) async fn explain(url: &str, error: DbErr) -> StoreError {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = &error else { return error.into() };
    let Ok(options) = PgConnectOptions::from_str(url) else { return error.into() };
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let name = options.get_database().unwrap_or_else(|| options.get_username());
    let reason = match cause.as_ref() {
        Error::Database(refusal) => refused(name, refusal.as_ref()),
        Error::Io(failure) => unreachable(failure),
        Error::PoolTimedOut if options.get_socket().is_none() => {
            let to = (options.get_host(), options.get_port());
            match timeout(ATTEMPT, TcpStream::connect(to)).await {
                Ok(Err(failure)) => unreachable(&failure),
                Err(_) => "the server does not respond; check the host, the port and the firewall"
                    .to_owned(),
                Ok(Ok(_)) => "the server accepts no further connection; check its log, and its max_connections"
                    .to_owned(),
            }
        }
        other => other.to_string(),
    };
    StoreError::Unopened { name: name.to_owned(), place, reason }
}

fn unreachable(failure: &io::Error) -> String {
    let remedy = match failure.kind() {
        io::ErrorKind::ConnectionRefused => "start the database server, or correct the port",
        io::ErrorKind::NotFound => "correct the path of the socket",
        _ => "check the host and the network",
    };
    format!("{failure}; {remedy}")
}

/// The refusal of the server itself, by the code that PostgreSQL gives it (appendix A of its
/// manual).
fn refused(name: &str, refusal: &dyn DatabaseError) -> String {
    let remedy = match refusal.code().as_deref() {
        Some("3D000") => format!("create it: createdb {name}"),
        Some("28P01") => "correct the password".to_owned(),
        Some("28000") => "correct the user name, or permit it in pg_hba.conf".to_owned(),
        Some("53300") => "raise max_connections there, or lower store.max_connections".to_owned(),
        Some("57P03") => "wait until the server has started".to_owned(),
        Some("42501") => "grant this user the right to create tables".to_owned(),
        _ => "check the server's log".to_owned(),
    };
    format!("{}; {remedy}", refusal.message())
}
