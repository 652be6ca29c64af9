//! `doorward migrate`.

use doorward_store::{Backend, Config as StoreConfig, Store};

use super::context::Context;
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward migrate
  doorward migrate --to postgres://doorward@db.example.com/doorward";

pub(super) async fn run(context: &Context, to: Option<String>) -> Result<(), Failed> {
    let Some(to) = to else {
        // Opening the store migrates the schema.
        context.store().await?;
        report!("The schema is up to date.");
        return Ok(());
    };
    let target = StoreConfig { url: to.into(), ..context.config.store.clone() };
    if Store::backend_of(&target) != Backend::Postgres {
        return Err(Failed("--to must be postgres://USER@HOST/DATABASE".to_owned()));
    }
    let _lock = context.data_dir.lock()?;
    let source = context.store().await?;
    let target = Store::open(&target, context.data_dir.path()).await?;
    let rows = source.copy_to(&target).await?;
    report!(
        "Copied {rows} rows. Set store.url to the new database, keep the master key where it is, and start the server."
    );
    Ok(())
}
