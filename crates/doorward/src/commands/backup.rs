//! `doorward backup` and `doorward restore`.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use doorward_keys::MasterKey;
use doorward_model::{AuditEvent, AuditKind, Change, Clock, ports::SystemClock};
use doorward_store::{Config, Store};

use super::context::Context;
use crate::{Failed, master_key};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward backup /backup/doorward-2026-11-26.db
  doorward backup /backup/doorward-2026-11-26.db --data-dir /var/lib/private/doorward";

/// The setting in a backup that holds the master key, if it was requested.
const KEY: &str = "backup.master_key";

/// The beginning of each backup, which is a database of SQLite.
const DATABASE: &[u8; 16] = b"SQLite format 3\0";

/// A store on a file of its own.
async fn open(file: &Path) -> Result<Store, Failed> {
    let config = Config { url: format!("sqlite://{}", file.display()).into(), ..Config::default() };
    Ok(Store::open(&config, file.parent().unwrap_or(Path::new("."))).await?)
}

/// Makes a file's name as durable as its contents.
fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// The files that SQLite leaves beside a database.
fn tidy(file: &Path) {
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", file.display()));
    }
}

pub(super) async fn back_up(context: &Context, file: &Path, with_key: bool) -> Result<(), Failed> {
    if file.exists() {
        return Err(Failed(format!("{} exists; name another file", file.display())));
    }
    let store = context.store().await?;
    store.flush().await?;
    // Written under another name first: an interrupted backup must not look complete.
    let unfinished = file.with_extension("unfinished");
    let _ = fs::remove_file(&unfinished);
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(
        |error| {
            let file = file.display();
            Failed(format!(
                "{file} cannot be written: {error}; name a file in a folder that exists"
            ))
        },
    )?;
    let written = store.back_up(&unfinished).await;
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        return Err(error.into());
    }
    if with_key {
        let text = if context.config.keys.master_key.is_empty() {
            fs::read_to_string(MasterKey::path(context.data_dir.path()))
                .map_err(|error| Failed(format!("the master key cannot be read: {error}")))?
        } else {
            context.config.keys.master_key.reveal().to_owned()
        };
        let copy = open(&unfinished).await?;
        copy.apply(Change::PutSetting { key: KEY.to_owned(), value: text.trim().to_owned() })
            .await?;
        copy.close().await?;
    }
    tidy(&unfinished);
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600)).map_err(Failed::because)?;
    fs::File::open(&unfinished).and_then(|written| written.sync_all()).map_err(Failed::because)?;
    fs::rename(&unfinished, file).and_then(|()| sync_folder(file)).map_err(Failed::because)?;
    let detail =
        serde_json::json!({"file": file.display().to_string(), "with_key": with_key}).to_string();
    store.note(AuditEvent::new(AuditKind::BackupMade).detail(detail)).await?;
    store.flush().await?;
    report!("Written to {}.", file.display());
    if !with_key {
        let key = if context.config.keys.master_key.is_empty() {
            MasterKey::path(context.data_dir.path()).display().to_string()
        } else {
            "the key of keys.master_key".to_owned()
        };
        report!(
            "The backup can be used only with the master key, which it does not contain: store \
             {key} separately."
        );
    }
    Ok(())
}

pub(super) async fn restore(
    context: &Context,
    file: &Path,
    end_access: bool,
) -> Result<(), Failed> {
    if !file.exists() {
        return Err(Failed(format!("there is no file {}", file.display())));
    }
    let is_database = fs::File::open(file).and_then(|mut opened| {
        let mut begin = [0; DATABASE.len()];
        opened.read_exact(&mut begin).map(|()| begin == *DATABASE)
    });
    match is_database {
        Ok(true) => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(Failed(format!("{} cannot be read: {error}", file.display())));
        }
        Ok(false) | Err(_) => {
            return Err(Failed(format!(
                "{} is no backup; name a file that doorward backup wrote",
                file.display()
            )));
        }
    }
    let _lock = context.data_dir.lock()?;
    // On a copy: an older backup is migrated, and the original stays unchanged.
    let copy = context.data_dir.path().join("restoring");
    let _ = fs::remove_file(&copy);
    fs::copy(file, &copy).map_err(|error| Failed(format!("{}: {error}", file.display())))?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(Failed::because)?;
    let done = copy_back(context, &copy, end_access).await;
    let _ = fs::remove_file(&copy);
    tidy(&copy);
    let rows = done?;
    report!(
        "Restored {rows} rows. Sessions and pending requests have ended; users must sign in again."
    );
    Ok(())
}

async fn copy_back(context: &Context, copy: &Path, end_access: bool) -> Result<u64, Failed> {
    let source = open(copy).await?;
    let now = SystemClock.now();
    let held = source.setting(KEY).await?;
    let path = MasterKey::path(context.data_dir.path());
    if let Some(text) = held.filter(|_| context.config.keys.master_key.is_empty() && !path.exists())
    {
        use std::io::Write;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Failed::because)?;
        writeln!(file, "{text}")
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_folder(&path))
            .map_err(Failed::because)?;
    }
    source.apply(Change::PutSetting { key: KEY.to_owned(), value: String::new() }).await?;
    // With the wrong key nothing is restored.
    master_key::open(context.config.keys.master_key.reveal(), context.data_dir.path(), &source)
        .await?;
    source.after_restore(now, end_access).await?;
    let target = context.store().await?;
    let rows = source.copy_to(&target).await?;
    target.flush().await?;
    source.close().await?;
    Ok(rows)
}
