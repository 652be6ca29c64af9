//! `doorward upstream log`.

use doorward_model::Timestamp;
use serde_json::json;

use super::super::{context::Context, moment, print_json};
use crate::{Failed, control, reload::Request};

/// Prints the newest lines of the processes of an upstream. The running server has them.
pub(super) async fn run(context: &Context, name: &str) -> Result<(), Failed> {
    let reply = control::ask(&context.data_dir, Request::Log(name.to_owned())).await?;
    let reply = reply.ok_or_else(|| {
        let folder = context.data_dir.path().display();
        Failed(format!("no server is running on {folder}; the lines are in its memory"))
    })?;
    if reply.failed {
        return Err(Failed(reply.says));
    }
    if context.json {
        let line = |(at, text): &(i64, String)| json!({"at": at, "text": text});
        print_json(&json!({"lines": reply.lines.iter().map(line).collect::<Vec<_>>()}));
    } else {
        for (at, text) in &reply.lines {
            report!("{} {text}", moment(Timestamp(*at)));
        }
    }
    Ok(())
}
