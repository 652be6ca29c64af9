//! How a running server is, for pages and programs.

use doorward_model::Clock;

use crate::app::App;

/// The result of one check: the state, or the fault and its remedy.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The checked part.
    pub(crate) what: String,
    /// How it is.
    pub(crate) result: Result<String, String>,
}

fn finding(what: &str, result: Result<String, String>) -> Finding {
    Finding { what: what.to_owned(), result }
}

/// Looks at everything that a server depends on.
pub(crate) async fn look(app: &App) -> Vec<Finding> {
    let store = &app.store;
    let mut findings = vec![finding("version", Ok(env!("CARGO_PKG_VERSION").to_owned()))];
    let database = store
        .ping()
        .await
        .map(|()| format!("{} answers", store.backend()))
        .map_err(|error| error.to_string());
    findings.push(finding("database", database));
    findings.push(finding(
        "signing key",
        app.readiness().await.map(|()| "one signs".to_owned()).map_err(|error| error.to_string()),
    ));
    let clock = match store.database_time().await {
        Ok(time) if app.clock.now().since(time).abs() > 5 && app.clock_is_real => {
            Err("this machine and the database differ; synchronise their clocks".to_owned())
        }
        Ok(_) => Ok("equal to the database's".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    findings.push(finding("clock", clock));
    let audit = match store.audit_head().await {
        Ok(head) => Ok(format!("{} entries, the last is {}:{}", head.seq, head.seq, head.hash)),
        Err(error) => Err(error.to_string()),
    };
    findings.push(finding("audit", audit));
    for (name, result) in app.exports().await {
        findings.push(finding(&name, result));
    }
    findings
}

/// The machine's own clock, to tell it from one that tests set by hand.
pub(crate) fn is_real(clock: &dyn Clock) -> bool {
    clock.now().since(doorward_model::ports::SystemClock.now()).abs() < 5
}
