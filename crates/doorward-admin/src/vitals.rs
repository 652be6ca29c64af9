//! The health of upstreams, identity providers, the mail server and the destinations of the audit:
//! one operation for pages, API, `doctor` and metrics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use doorward_audit::Config as AuditConfig;
use doorward_federation::{CheckSubject, Federation};
use doorward_gateway::{Finding, Gateway};
use doorward_mail::Mailer;
use doorward_model::{Change, Clock, Dependency, Timestamp, VitalRecord, VitalState};
use doorward_store::{Store, StoreError};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::{Fault, Part, PartState, State};

/// The time in which a dependency has to answer.
const WITHIN: Duration = Duration::from_secs(30);
/// Maximum number of dependencies that are asked at the same time: a round over a thousand of them
/// is no burst, and some that hang do not hold up the others.
const AT_ONCE: usize = 32;
/// The time from the start to the first check, and from one check to the next.
const FIRST: Duration = Duration::from_mins(2);
const EVERY: Duration = Duration::from_mins(5);

/// The health of one dependency.
#[derive(Clone, Debug)]
pub struct Vital {
    /// Its kind.
    pub dependency: Dependency,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: VitalState,
    /// Its last answers.
    pub record: VitalRecord,
}

impl Vital {
    /// Its state as a part of the server. Only a working dependency is well; one that was not
    /// checked yet is reported as such.
    pub fn part(&self) -> PartState {
        let time = |at: Option<i64>| at.map(Timestamp);
        let record = &self.record;
        let state = match self.state {
            VitalState::Working => Ok(State::Answered(
                time(record.last_success).unwrap_or(Timestamp(0)),
                record.milliseconds.unwrap_or_default(),
            )),
            VitalState::Failing => Err(Fault::Down {
                error: record.last_error.clone().unwrap_or_else(|| "it failed".to_owned()),
                at: time(record.last_failure).unwrap_or(Timestamp(0)),
                last_success: time(record.last_success),
            }),
            VitalState::Unknown => {
                Err(time(record.last_success).map_or(Fault::NotAsked, Fault::NotAskedSince))
            }
            VitalState::Off => Ok(State::Off),
        };
        PartState { part: Part::Dependency(self.dependency, self.name.clone()), state }
    }
}

/// Asks dependencies and keeps their answers. Cheap to clone.
#[derive(Clone)]
pub struct Vitals {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    gateway: Gateway,
    federation: Federation,
    mailer: Option<Mailer>,
    pub(crate) audit: AuditConfig,
}

/// The answer of a dependency.
pub(crate) struct Answered<'a> {
    pub(crate) dependency: Dependency,
    pub(crate) name: &'a str,
    pub(crate) at: Timestamp,
    /// Its duration in milliseconds.
    pub(crate) took: u64,
    pub(crate) result: Result<(), String>,
}

impl Answered<'_> {
    /// Keeps the answer as the last one.
    pub(crate) async fn note(self, store: &Store) -> Result<(), StoreError> {
        let key = self.dependency.key(self.name);
        let mut record = VitalRecord::read(store.setting(&key).await?.as_deref());
        record.note(self.at, self.took, self.result);
        store.apply(Change::PutSetting { key, value: record.to_text() }).await
    }
}

/// The answer of an upstream, as a test of it found it.
pub(crate) fn answer_in(findings: &[Finding]) -> Result<(), String> {
    findings
        .iter()
        // Tools that wait or were left out are for a review; the upstream works.
        .filter(|finding| !finding.subject.is_of_review())
        .find_map(|finding| {
            let error = finding.result.as_ref().err()?;
            Some(format!("{}: {error}", finding.subject.as_str()))
        })
        .map_or(Ok(()), Err)
}

/// A dependency that is configured.
enum Known {
    Upstream(Arc<doorward_gateway::Upstream>),
    Provider(Arc<doorward_federation::Provider>),
    Mail(Mailer),
    /// Its deliveries are the answers: nothing is sent to try it.
    Export(&'static str),
}

impl Known {
    fn named(&self) -> (Dependency, String, bool) {
        match self {
            Self::Upstream(upstream) => {
                (Dependency::Upstream, upstream.name.to_string(), upstream.is_enabled())
            }
            Self::Provider(provider) => {
                (Dependency::Provider, provider.id.to_string(), provider.is_enabled())
            }
            Self::Mail(_) => (Dependency::Mail, "smtp".to_owned(), true),
            Self::Export(name) => (Dependency::Export, (*name).to_owned(), true),
        }
    }
}

/// The parts that reach other servers.
pub struct Reached {
    /// Upstreams.
    pub gateway: Gateway,
    /// Identity providers.
    pub federation: Federation,
    /// The mail server, if one is set up.
    pub mailer: Option<Mailer>,
    /// The destinations of the audit.
    pub audit: AuditConfig,
}

impl Vitals {
    /// The health of the servers that these reach.
    pub fn new(store: Store, clock: Arc<dyn Clock>, reached: Reached) -> Self {
        let Reached { gateway, federation, mailer, audit } = reached;
        Self { store, clock, gateway, federation, mailer, audit }
    }

    async fn all(&self) -> Result<Vec<Known>, StoreError> {
        let upstreams = self.gateway.all_upstreams().await?.into_iter();
        let mut all: Vec<Known> = upstreams
            // Without a user there is no process that could answer.
            .filter(|upstream| !upstream.runs_for_each_user())
            .map(Known::Upstream)
            .collect();
        all.extend(self.federation.all_providers().await?.into_iter().map(Known::Provider));
        all.extend(self.mailer.clone().map(Known::Mail));
        all.extend(doorward_audit::configured(&self.audit).into_iter().map(Known::Export));
        Ok(all)
    }

    /// The health of every dependency at its last check. No check is made.
    pub async fn known(&self) -> Result<Vec<Vital>, StoreError> {
        let mut vitals = Vec::new();
        let all: Vec<_> = self.all().await?.iter().map(Known::named).collect();
        let keys = all.iter().map(|(dependency, name, _)| dependency.key(name)).collect();
        let stored = self.store.settings(keys).await?;
        for (dependency, name, enabled) in all {
            let record = VitalRecord::read(stored.get(&dependency.key(&name)).map(String::as_str));
            let state =
                if enabled { record.state(dependency, self.clock.now()) } else { VitalState::Off };
            vitals.push(Vital { dependency, name, state, record });
        }
        Ok(vitals)
    }

    /// Asks every dependency that is enabled, a few at a time, and notes the answers.
    pub async fn check(&self) -> Result<(), StoreError> {
        let checks = self.all().await?.into_iter().map(|known| self.ask(known));
        futures_util::stream::iter(checks)
            .buffer_unordered(AT_ONCE)
            .fold(Ok(()), |all: Result<(), StoreError>, one| std::future::ready(all.and(one)))
            .await
    }

    async fn ask(&self, known: Known) -> Result<(), StoreError> {
        let (dependency, name, enabled) = known.named();
        if !enabled {
            return Ok(());
        }
        let began = Instant::now();
        let answer = match &known {
            Known::Upstream(upstream) => {
                tokio::time::timeout(WITHIN, self.try_upstream(upstream)).await
            }
            Known::Provider(provider) => {
                tokio::time::timeout(WITHIN, self.try_provider(provider)).await
            }
            Known::Mail(mailer) => tokio::time::timeout(WITHIN, try_mail(mailer)).await,
            Known::Export(_) => return Ok(()),
        };
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let result = answer.unwrap_or_else(|_| Err("no response in time".to_owned()));
        let answered = Answered { dependency, name: &name, at: self.clock.now(), took, result };
        answered.note(&self.store).await
    }

    async fn try_upstream(&self, upstream: &Arc<doorward_gateway::Upstream>) -> Result<(), String> {
        self.gateway.reach(upstream).await?;
        answer_in(&self.gateway.test(upstream, None).await)
    }

    async fn try_provider(&self, provider: &doorward_federation::Provider) -> Result<(), String> {
        let findings = self.federation.test(provider).await;
        findings
            .into_iter()
            // Rules are the operator's; the provider works.
            .filter(|finding| {
                !matches!(finding.subject, CheckSubject::LeftOut | CheckSubject::Claims)
            })
            .find_map(|finding| {
                Some(format!("{}: {}", finding.subject.as_str(), finding.result.err()?))
            })
            .map_or(Ok(()), Err)
    }

    /// Closes connections that checks opened.
    pub fn close(&self) {
        self.gateway.close();
    }

    /// Repeats the checks until `stop`.
    pub async fn watch(self, stop: CancellationToken) {
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                checked = self.check() => if let Err(error) = checked {
                    tracing::warn!(%error, "the health of upstreams and providers could not be \
                        stored");
                }
            }
            pause = EVERY;
        }
    }
}

async fn try_mail(mailer: &Mailer) -> Result<(), String> {
    mailer.check().await.map_err(|error| error.to_string())
}
