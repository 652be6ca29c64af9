//! The state of the server for the service manager that started it (the protocol of `sd_notify`).
//!
//! With it, `systemctl start` returns when the server serves, and fails when the server does.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// A state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// It serves.
    Ready,
    /// It finishes requests, and ends.
    Stopping,
}

/// Tells the service manager a state, where there is one that asks for it.
pub(crate) fn tell(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let words = match state {
        State::Ready => "READY=1",
        State::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&name, words) {
        tracing::warn!(%error, "the service manager cannot be told: {words}");
    }
}

fn send(name: &OsStr, words: &str) -> io::Result<()> {
    // A name that begins with `@` is none of the file system.
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }?;
    UnixDatagram::unbound()?.send_to_addr(words.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_manager_is_told_at_a_path_and_at_a_name_of_no_file() {
        let name = format!("doorward-readiness-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = std::fs::remove_file(&path);
        for (given, address) in [
            (path.clone().into_os_string(), SocketAddr::from_pathname(&path).unwrap()),
            (format!("@{name}").into(), SocketAddr::from_abstract_name(&name).unwrap()),
        ] {
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            send(&given, "READY=1").unwrap();
            let mut told = [0; 32];
            let count = manager.recv(&mut told).unwrap();
            assert_eq!(&told[..count], b"READY=1");
        }
        std::fs::remove_file(path).unwrap();
        assert!(send(OsStr::new("/nonexistent/socket"), "READY=1").is_err());
    }
}
