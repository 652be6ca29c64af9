//! The user of the operating system that a local process runs as.
//!
//! A process of Doorward's own user could read Doorward's files, the master key among them. Where
//! Doorward runs as root, each upstream therefore gets a user ID of its own, with no groups and
//! with a folder of its own. Otherwise it cannot change to another user, and only `PR_SET_DUMPABLE`
//! keeps its memory and environment from its processes.

use std::{
    fs::DirBuilder,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::PathBuf,
};

use doorward_model::UpstreamName;
use sha2::{Digest, Sha256};

/// User IDs that belong to no user: above those that container managers assign and below 2³¹, where
/// some programs stop.
const OWN: std::ops::Range<u32> = 0x7000_0000..0x7fff_0000;
/// The same for containers with a user namespace of 65,536 IDs: those that systemd gives to
/// services for as long as they run.
const OWN_IN_CONTAINER: std::ops::Range<u32> = 61_184..65_520;

/// A user and group of the operating system, with the folder that its process works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The folder for `HOME` and `TMPDIR`; `None` where the user has one of its own.
    pub(crate) home: Option<PathBuf>,
}

/// Reads `NAME`, `UID` or `UID:GID`; a name by `/etc/passwd`.
fn named(text: &str) -> Result<(u32, u32, Option<PathBuf>), String> {
    let number = |text: &str| text.parse::<u32>().ok();
    if let Some((uid, gid)) = text.split_once(':') {
        return number(uid)
            .zip(number(gid))
            .map(|(uid, gid)| (uid, gid, None))
            .ok_or_else(|| "must be a name, UID or UID:GID".to_owned());
    }
    if let Some(uid) = number(text) {
        return Ok((uid, uid, None));
    }
    let users = std::fs::read_to_string("/etc/passwd")
        .map_err(|error| format!("/etc/passwd: {}", words(&error)))?;
    let found = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&text));
    match found.as_deref() {
        Some([_, _, uid, gid, _, home, ..]) => {
            let ids = number(uid)
                .zip(number(gid))
                .ok_or_else(|| format!("/etc/passwd has no IDs for {text}"))?;
            Ok((ids.0, ids.1, Some(PathBuf::from(home))))
        }
        _ => Err(format!("there is no user {text:?} on this machine")),
    }
}

/// Checks the setting `user`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err(
            "needs Doorward to run as root; leave it out, and the process runs as Doorward's user"
                .to_owned(),
        );
    }
    named(text).map(drop)
}

/// Reports a user ID that this process may switch to (user_namespaces(7)).
fn is_mapped(uid: u32, map: &str) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
        matches!((numbers.next(), numbers.next(), numbers.next()), (Some(first), Some(_), Some(count)) if (first..first + count).contains(&u64::from(uid)))
    })
}

/// The user ID of an upstream's own: the same one after every restart.
fn own(upstream: UpstreamName, map: &str) -> u32 {
    let number = Sha256::digest(upstream.as_str().as_bytes())
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    let within = |range: &std::ops::Range<u32>| range.start + number % (range.end - range.start);
    let first = within(&OWN);
    if is_mapped(first, map) { first } else { within(&OWN_IN_CONTAINER) }
}

/// The user that an upstream's process runs as; `None` where Doorward does not run as root, or
/// where the process is to run as root.
pub(crate) fn of(upstream: UpstreamName, user: &str) -> Result<Option<Owner>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let (uid, gid, home) = if user.is_empty() {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let uid = own(upstream, &map);
        (uid, uid, None)
    } else {
        named(user)?
    };
    if uid == 0 {
        return Ok(None);
    }
    let home = match home {
        Some(home) => home,
        None => folder(uid, gid)?,
    };
    Ok(Some(Owner { uid, gid, home: Some(home) }))
}

/// Makes the folder of a user ID without one, or checks that the one there is its own: others may
/// write to the folder above it.
fn folder(uid: u32, gid: u32) -> Result<PathBuf, String> {
    let path = std::env::temp_dir().join(format!("doorward-upstream-{uid}"));
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => chown(&path, Some(uid), Some(gid)).map_err(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = std::fs::symlink_metadata(&path).map_err(failed)?;
            // A start that was interrupted between making the folder and changing its owner left it
            // with root.
            if found.is_dir() && found.uid() == 0 && found.permissions().mode() & 0o777 == 0o700 {
                chown(&path, Some(uid), Some(gid)).map_err(failed)?;
            } else if !found.is_dir()
                || found.uid() != uid
                || found.permissions().mode() & 0o077 != 0
            {
                return Err(format!(
                    "{} is not a folder of the user {uid} alone; delete it",
                    path.display()
                ));
            }
        }
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}

/// An error of the operating system in its own words, without the number of the language's library.
pub(super) fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_upstream_has_a_user_id_of_its_own_that_exists_in_its_namespace() {
        let (wiki, code) =
            (UpstreamName::parse("wiki").unwrap(), UpstreamName::parse("code").unwrap());
        let (whole, container) = ("         0          0 4294967295\n", "0 100000 65536\n");
        for map in [whole, container, ""] {
            assert_ne!(own(wiki, map), own(code, map));
            assert_eq!(own(wiki, map), own(wiki, map));
        }
        assert!(OWN.contains(&own(wiki, whole)));
        assert!(
            OWN_IN_CONTAINER.contains(&own(wiki, container))
                && is_mapped(own(wiki, container), container)
        );
    }

    #[test]
    fn users_are_named_by_name_or_number() {
        assert_eq!(named("1234").unwrap(), (1234, 1234, None));
        assert_eq!(named("1234:56").unwrap(), (1234, 56, None));
        assert_eq!(named("root").unwrap().0, 0);
        assert!(named("no-such-user").is_err() && named("1:x").is_err());
    }
}
