//! `doorward admin-link`.

use doorward_model::routes;

use super::{context::Context, print_json};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward admin-link
  doorward admin-link --config /etc/doorward/doorward.toml --data-dir /var/lib/private/doorward";

pub(super) async fn run(context: &Context) -> Result<(), Failed> {
    let public_url = context.public_url()?;
    let secret = context.accounts(&context.store().await?).await?.new_admin_link().await?;
    let link = public_url.at(&routes::ADMIN_LINK.replace("{secret}", secret.reveal()));
    if context.json {
        print_json(
            &serde_json::json!({"link": link, "expires_in": context.config.accounts.admin_link_seconds}),
        );
    } else {
        report!("{link}");
    }
    Ok(())
}
