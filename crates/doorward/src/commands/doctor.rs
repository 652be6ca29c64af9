//! `doorward doctor`.

use std::{path::PathBuf, process::ExitCode};

use doorward_admin::Finding;
use doorward_federation::CheckSubject;
use doorward_language::{self as language, timeline as texts};
use doorward_model::{
    Clock, Dependency, NewUsers, Outcome, Timestamp, foreign,
    ports::SystemClock,
    routes,
    timeline::{Attempt, Standing, attempts},
};
use doorward_store::Store;
use doorward_transport::{
    OutboundError,
    outbound::probe,
    tls::{self, Validity},
};
use serde_json::Value;

use super::{context::Context, moment, print_findings, print_json};
use crate::{
    Failed,
    config::{ConfigErrors, TlsSource},
    control,
    data_dir::{DataDir, exposed_to_all},
    master_key,
    reload::Request,
};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward doctor
  doorward doctor --client Cursor --hours 2";

async fn database(context: &Context) -> (Finding, Option<Store>) {
    match context.store().await {
        Ok(store) => {
            let found = format!("{} responds and its schema is up to date", store.backend());
            let result = store.ping().await.map(|()| found).map_err(|error| error.to_string());
            (Finding { what: "database".to_owned(), result }, Some(store))
        }
        Err(error) => {
            (Finding { what: "database".to_owned(), result: Err(error.to_string()) }, None)
        }
    }
}

async fn signing_keys(context: &Context, store: &Store) -> Result<String, String> {
    let as_text = |error: Failed| error.to_string();
    let master =
        master_key::open(context.config.keys.master_key.reveal(), context.data_dir.path(), store)
            .await
            .map_err(as_text)?;
    let records = store.signing_keys().await.map_err(|error| error.to_string())?;
    let ring = doorward_keys::KeyRing::new(master);
    ring.follow(&records).map_err(|error| error.to_string())?;
    let now = SystemClock.now();
    let active =
        records.iter().filter(|key| key.activates_at <= now).max_by_key(|key| key.activates_at);
    match active {
        Some(key) => {
            let noun = if records.len() == 1 { "key" } else { "keys" };
            Ok(format!("{} {noun}; the active key {} signs with {}", records.len(), key.kid, key.algorithm.as_str()))
        }
        None => Err("there is no active signing key yet; start the server once, or run: doorward keys rotate".to_owned()),
    }
}

async fn clock(store: &Store) -> Result<String, String> {
    let now = SystemClock.now();
    let database = store.database_time().await.map_err(|error| error.to_string())?;
    let apart = now.since(database).abs();
    // 2026-01-01: a machine with an earlier time has a wrong clock.
    if now.0 < 1_767_225_600 {
        Err("the clock of this machine is far in the past; tokens would be refused everywhere"
            .to_owned())
    } else if apart > 5 {
        Err(format!(
            "this machine and the database differ by {apart} seconds; synchronise their clocks"
        ))
    } else {
        Ok("plausible, and equal to the database's".to_owned())
    }
}

/// The start parameters of the server that runs on this data directory.
fn server(context: &Context) -> Result<String, String> {
    let Some(running) = context.data_dir.running() else {
        return Ok("is not running on this data directory".to_owned());
    };
    let configured = &context.configured_url;
    if !configured.is_empty() && *configured != running.public_url {
        return Err(format!(
            "was started with the public URL {}, but the configuration has {configured}: restart \
             it, or change the configuration",
            running.public_url
        ));
    }
    let from = running.configuration.as_ref();
    Ok(format!(
        "version {} runs as process {} since {}, listens on {}{}",
        running.version,
        running.process,
        moment(Timestamp(running.started_at)),
        running.listen.join(" and "),
        from.map(|file| format!(", with {}", file.display())).unwrap_or_default()
    ))
}

/// Remaining validity of the configured certificate, or of the one that the server used last.
fn certificate(context: &Context) -> Option<Finding> {
    let file = match &context.checked.tls {
        TlsSource::Files(files) => files.certificate.clone(),
        TlsSource::SelfSigned | TlsSource::None => context.data_dir.noted()?.certificate?,
    };
    let told = file.display();
    let result = match tls::validity(&file, SystemClock.now()) {
        Ok(Validity::Good) => Ok(format!("{told} is valid for more than 14 days")),
        Ok(Validity::EndsSoon) => Err(format!("{told} expires within 14 days: renew it")),
        Ok(Validity::Expired) => Err(format!("{told} has expired and clients refuse it: renew it")),
        Err(error) => Err(error.to_string()),
    };
    Some(Finding { what: "certificate".to_owned(), result })
}

async fn reachable(context: &Context) -> Result<String, String> {
    let public_url = &context.public_url().map_err(|error| error.to_string())?;
    let url = public_url.at(routes::AUTHORIZATION_SERVER_METADATA);
    let mut trusted: Vec<PathBuf> =
        context.config.outbound.extra_ca_files.iter().map(PathBuf::from).collect();
    let mut fetched = probe(&url, &trusted).await;
    let mut remark = String::new();
    // A certificate of no public authority is correct where clients are configured to trust it.
    if let Err(OutboundError::Certificate(_)) = fetched
        && let Some(certificate) = context.data_dir.noted().and_then(|noted| noted.certificate)
    {
        remark = format!(
            "; this machine does not trust the authority of its certificate: configure clients to \
             trust {}",
            certificate.display()
        );
        trusted.push(certificate);
        fetched = probe(&url, &trusted).await;
    }
    let fetched =
        fetched.map_err(|error| format!("{url} cannot be fetched from this machine: {error}"))?;
    let metadata: Value = fetched.json().map_err(|_| {
        format!(
            "{url} returned {} and without metadata: check that it leads to this server",
            fetched.status
        )
    })?;
    match metadata.get("issuer").and_then(Value::as_str) {
        Some(issuer) if issuer == public_url.as_str() => {
            Ok(format!("{url} names this issuer{remark}"))
        }
        Some(issuer) => Err(format!(
            "{url} names the issuer {issuer}, not {public_url}: clients will refuse it; set \
             server.public_url to the URL that users enter"
        )),
        None => Err(format!("{url} names no issuer: check that it leads to this server")),
    }
}

/// Two findings a provider: who can sign in, and that all is well or what is wrong.
async fn providers(context: &Context, store: &Store) -> Result<Vec<Finding>, Failed> {
    let federation = context.federation(store).await?;
    let mut findings = Vec::new();
    for provider in federation.all_providers().await? {
        let what = format!("provider {}", provider.id);
        let admits = provider.admits();
        let line = language::admits(&admits).to_string();
        let result = match admits.new_users {
            NewUsers::Undecided if admits.enabled => Err(line),
            NewUsers::Undecided | NewUsers::Open | NewUsers::Invited => Ok(line),
        };
        findings.push(Finding { what: format!("sign-in by {}", provider.id), result });
        if !admits.enabled {
            findings.push(Finding { what, result: Ok("is disabled".to_owned()) });
            continue;
        }
        let found = federation.test(&provider).await;
        let wrong: Vec<String> = found
            .iter()
            .filter_map(|finding| {
                let why = finding.result.as_ref().err()?;
                Some(format!("{}: {why}", finding.subject.as_str()))
            })
            .collect();
        // Remarks that are no problems.
        let remarks = found.iter().filter_map(|finding| match (finding.subject, &finding.result) {
            (CheckSubject::Clock | CheckSubject::LeftOut, Ok(says)) => {
                Some(format!("; {}: {says}", finding.subject.as_str()))
            }
            _ => None,
        });
        let result = if wrong.is_empty() {
            let remarks: String = remarks.collect();
            Ok(format!("{} responds and accepts this server{remarks}", provider.name))
        } else {
            Err(wrong.join("; "))
        };
        findings.push(Finding { what, result });
    }
    Ok(findings)
}

/// Asks upstreams and the mail server, and adds what the server noted of exports.
async fn dependencies(context: &Context, store: &Store) -> Result<Vec<Finding>, Failed> {
    let vitals = context.vitals(store).await?;
    vitals.check().await?;
    vitals.close();
    // Providers have more detailed findings of their own.
    let told = vitals.known().await?;
    let told = told.iter().filter(|vital| vital.dependency != Dependency::Provider);
    Ok(told.map(|vital| Finding::from(vital.part())).collect())
}

/// Maximum number of files that a finding names.
const NAMED: usize = 5;

/// A finding for each index of documents: its state, and the files that it leaves out. A file that
/// is left out is a remark; a folder that cannot be read is a problem.
async fn indexes(context: &Context, store: &Store) -> Result<Vec<Finding>, Failed> {
    let gateway = context.gateway(store).await?;
    let mut findings = Vec::new();
    for upstream in gateway.all_upstreams().await? {
        let Some(status) = gateway.index(&upstream).filter(|_| upstream.is_enabled()) else {
            continue;
        };
        let mut told = match &status.problem {
            Some(problem) => problem.clone(),
            None if status.scanned_at == 0 && status.documents == 0 => {
                "no run was completed yet; the server builds it".to_owned()
            }
            None => status.told(),
        };
        if status.left_out > 0 {
            told = format!("{told}; {}", status.told_left_out(NAMED));
        }
        let told = foreign::escaped(&told).into_owned();
        let is_bad = status.problem.is_some() || status.lost_folder().is_some();
        let result = if is_bad { Err(told) } else { Ok(told) };
        findings.push(Finding { what: format!("index of {}", upstream.name), result });
    }
    Ok(findings)
}

/// The state of the configuration in the server that runs on a data directory, if one does.
async fn running(data_dir: &DataDir) -> Option<Finding> {
    let result = match control::ask(data_dir, Request::State).await {
        Ok(None) => return None,
        Ok(Some(told)) if told.failed => Err(told.says),
        Ok(Some(told)) => Ok(told.says),
        Err(error) => Err(error.0),
    };
    Some(Finding { what: "running server".to_owned(), result })
}

/// Reports a configuration that cannot be used, which prevents all other checks.
pub(super) async fn without_configuration(
    data_dir: &DataDir,
    error: &ConfigErrors,
    as_json: bool,
) -> Result<ExitCode, Failed> {
    let wrong = Finding { what: "configuration".to_owned(), result: Err(error.to_string()) };
    let findings: Vec<Finding> = std::iter::once(wrong).chain(running(data_dir).await).collect();
    Ok(print_findings(as_json, &findings))
}

pub(super) async fn run(context: &Context) -> Result<ExitCode, Failed> {
    let files = context.checked.tls.check_files();
    let configuration =
        files.map(|()| "is valid".to_owned()).map_err(|(key, message)| format!("{key}: {message}"));
    let mut findings = vec![Finding { what: "configuration".to_owned(), result: configuration }];
    findings.extend(running(&context.data_dir).await);
    findings.extend(certificate(context));
    let mut exposed = context.data_dir.exposed();
    if let TlsSource::Files(files) = &context.checked.tls {
        exposed.extend(exposed_to_all(&files.key));
    }
    let permissions = if exposed.is_empty() {
        Ok("only the owner can read the data directory".to_owned())
    } else {
        Err(exposed.join("; "))
    };
    findings.push(Finding { what: "permissions".to_owned(), result: permissions });
    findings.push(doorward_admin::disk(context.data_dir.free()).into());
    findings.push(Finding { what: "server".to_owned(), result: server(context) });
    let (finding, store) = database(context).await;
    findings.push(finding);
    if let Some(store) = &store {
        findings
            .push(Finding { what: "keys".to_owned(), result: signing_keys(context, store).await });
        findings.push(Finding { what: "clock".to_owned(), result: clock(store).await });
        findings.push(doorward_admin::backup(store).await.into());
        match providers(context, store).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings
                .push(Finding { what: "providers".to_owned(), result: Err(error.to_string()) }),
        }
    }
    if let Some(store) = &store {
        match dependencies(context, store).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings
                .push(Finding { what: "dependencies".to_owned(), result: Err(error.to_string()) }),
        }
        match indexes(context, store).await {
            Ok(found) => findings.extend(found),
            Err(error) => findings
                .push(Finding { what: "indexes".to_owned(), result: Err(error.to_string()) }),
        }
    }
    findings.push(Finding { what: "public URL".to_owned(), result: reachable(context).await });
    Ok(print_findings(context.json, &findings))
}

/// Explains why a client connected or did not.
pub(super) async fn client(
    context: &Context,
    wanted: &str,
    hours: u32,
) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let now = SystemClock.now();
    let steps = store.connect_steps(now.plus(-i64::from(hours.clamp(1, 168)) * 3600)).await?;
    let all = attempts(steps);
    let found: Vec<_> = all.iter().filter(|attempt| attempt.is_of(wanted)).take(20).collect();
    if context.json {
        let describe = |attempt: &&Attempt| {
            let verdict = attempt.verdict(now);
            serde_json::json!({
                "client": attempt.name(), "client_id": attempt.client_id(), "began": attempt.began().0, "standing": verdict.standing.as_str(),
                "code": verdict.cause.code(), "what": texts::verdict(&verdict),
                "advice": texts::advice(verdict.cause).map(|advice| advice.to_string()).unwrap_or_default(),
                "quirk": verdict.quirk.map(|quirk| texts::quirk(quirk).to_string()),
                "steps": attempt.steps.iter().map(|step| serde_json::json!({
                    "at": step.at.0, "step": step.kind.as_str(), "outcome": step.outcome.as_str(), "reason": step.reason.map(doorward_model::Reason::code), "detail": step.detail,
                })).collect::<Vec<_>>(),
            })
        };
        print_json(&found.iter().map(describe).collect());
    } else if found.is_empty() {
        report!("No client that matches {wanted} tried to connect in the last {hours} hours.");
        report!(
            "Its requests did not reach this server: check the URL in the client, DNS, firewall \
             and proxy."
        );
    } else {
        for attempt in &found {
            print_attempt(attempt, now);
        }
    }
    let connected =
        found.first().is_some_and(|attempt| attempt.verdict(now).standing == Standing::Connected);
    Ok(if connected { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn print_attempt(attempt: &Attempt, now: Timestamp) {
    let verdict = attempt.verdict(now);
    report!("{}  {}  {}", moment(attempt.began()), attempt.name(), verdict.standing.as_str());
    for step in &attempt.steps {
        let mark = if step.outcome == Outcome::Ok { "ok    " } else { "WRONG " };
        let why = step.reason.map(|reason| format!(": {}", reason.code())).unwrap_or_default();
        let detail =
            if step.detail.is_empty() { String::new() } else { format!(" ({})", step.detail) };
        report!("  {mark} {}{why}{detail}", texts::step_kind(step.kind));
    }
    report!("  => {}", texts::verdict(&verdict));
    if let Some(advice) = texts::advice(verdict.cause) {
        report!("     {advice}");
    }
    if let Some(quirk) = verdict.quirk {
        report!("     {}", texts::quirk(quirk));
    }
    report!("");
}
