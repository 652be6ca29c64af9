//! Operations on upstreams and their tools.

use std::sync::Arc;

use doorward_gateway::{
    Decision, Gateway, LeftOut, PreparedUpstream, ReviewState, ReviewedTool, ToolChangeError,
    Upstream, UpstreamChangeError, UpstreamConfig, UserUpstream,
};
use doorward_model::{
    Dependency, IndexStatus, Members, ServerPin, UpstreamName, UpstreamTrust, User, VitalRecord,
    upstream::PinnedTool,
};
use doorward_store::ToolCount;
use doorward_transport::outbound::Bounds;
use serde_json::{Map, Value};

use crate::{
    Edit, Finding, Proposal, Refusal, SettingsPatch, Users,
    edit::{self, Editable, Planned},
    settable::{self, Family, Reach},
};

/// A tool that an administrator decides about.
#[derive(Clone, Copy, Debug)]
pub struct ToolVersion<'a> {
    /// The name of the upstream.
    pub upstream: &'a str,
    /// The tool's name at the upstream.
    pub tool: &'a str,
    /// The etag of the state that the administrator saw; `None` for the present state.
    pub seen: Option<&'a str>,
}

/// An upstream with its tools, as an administrator reviews them.
pub struct ReviewedUpstream {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// Its tools, by name.
    pub tools: Vec<ReviewedTool>,
    /// The tools that it lists and that are not offered.
    pub left_out: LeftOut,
    /// The number of connected users.
    pub users: u64,
    /// The identity of the upstream, and the authorization server that is pinned for it.
    pub trust: Option<UpstreamTrust>,
}

/// An upstream as a list shows it.
#[derive(Clone)]
pub struct UpstreamSummary {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// The number of its tools.
    pub tools: u64,
    /// The number of those that wait for a decision.
    pub waiting: u64,
    /// The number of connected users.
    pub users: u64,
    /// Its last answers.
    pub health: VitalRecord,
}

/// A tool that waits for a decision.
#[derive(Clone)]
pub struct WaitingTool {
    /// Its upstream.
    pub upstream: Arc<Upstream>,
    /// The tool.
    pub tool: ReviewedTool,
}

impl WaitingTool {
    /// Its name among the tools of all upstreams.
    pub fn key(&self) -> String {
        format!("{}/{}", self.upstream.name, self.tool.pin.tool)
    }
}

/// The outcome of decisions about several tools, each of which is made or refused alone.
#[derive(Debug, Default)]
pub struct DecidedTools {
    /// The number of decisions that were made.
    pub decided: u64,
    /// The refused ones: upstream, tool and reason.
    pub refused: Vec<(String, String, Refusal)>,
}

/// Operations on upstreams. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams {
    pub(crate) gateway: Gateway,
    users: Users,
    administered: Arc<Bounds>,
}

/// The etag of a tool's state, so that no other state is decided on than the one that was shown.
pub fn tool_etag(pin: &PinnedTool) -> String {
    let class = pin.class.map_or("", |class| class.as_str());
    let changed = pin.changed.as_deref().unwrap_or_default();
    doorward_model::id::etag(&[pin.state.as_str(), class, &pin.definition, changed])
}

/// Reports that a tool waits for a decision.
pub fn waits(tool: &ReviewedTool) -> bool {
    matches!(tool.state(), ReviewState::Waiting | ReviewState::Changed)
}

impl Upstreams {
    /// Operations on the upstreams of this gateway; administrators may choose networks within
    /// `administered`.
    pub fn new(gateway: Gateway, users: Users, administered: Arc<Bounds>) -> Self {
        Self { gateway, users, administered }
    }

    /// All upstreams, those that are disabled too.
    pub async fn all(&self) -> Result<Vec<Arc<Upstream>>, Refusal> {
        Ok(self.gateway.all_upstreams().await?)
    }

    /// The upstream of that name.
    pub async fn named(&self, name: &str) -> Result<Arc<Upstream>, Refusal> {
        Ok(self.gateway.named(name).await?)
    }

    /// The identity of an upstream, and the authorization server that is pinned for it.
    pub async fn trust(&self, upstream: &Upstream) -> Result<Option<UpstreamTrust>, Refusal> {
        Ok(self.gateway.trust(upstream).await?)
    }

    /// Accepts the authorization server that an upstream names. `seen` names it as it was shown.
    pub async fn accept_server(
        &self,
        name: &str,
        seen: Option<&str>,
    ) -> Result<ServerPin, Refusal> {
        Ok(self.gateway.accept_server(name, seen).await?)
    }

    /// Adds an upstream.
    pub async fn add(
        &self,
        name: &str,
        settings: Map<String, Value>,
        reach: Reach,
    ) -> Result<Arc<Upstream>, Refusal> {
        settable::admit(Family::Upstream, &settings, reach.bounds(&self.administered))?;
        let config: UpstreamConfig = Members::Settings.read(settings).map_err(Refusal::Settings)?;
        let name = self.gateway.add(name, config).await?;
        self.named(name.as_str()).await
    }

    /// The name of the state of an upstream that was added, for a later change.
    pub async fn etag(&self, upstream: &Upstream) -> Result<Option<String>, Refusal> {
        Ok(self.gateway.etag(upstream.name).await?)
    }

    /// Changes settings of an upstream that was added. Connections and decisions about tools stay,
    /// unless the upstream is at another place afterwards.
    pub async fn edit(&self, proposal: Proposal<'_, SettingsPatch>) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Deletes an upstream that was added, with the connections of all users to it.
    /// With `seen`, only if it is still in the state of that etag.
    pub async fn delete(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        Ok(self.gateway.delete(name, seen).await?)
    }

    /// Tries an upstream out, with the access of the user of that sign-in name if one is given.
    pub async fn test(&self, name: &str, user: Option<&str>) -> Result<Vec<Finding>, Refusal> {
        let finding = |found: doorward_gateway::Finding| Finding {
            what: found.subject.as_str().to_owned(),
            result: found.result,
        };
        Ok(self.examine(name, user).await?.into_iter().map(finding).collect())
    }

    /// The same with subjects that a page names in its language.
    pub async fn examine(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Vec<doorward_gateway::Finding>, Refusal> {
        let upstream = self.named(name).await?;
        let user: Option<Arc<User>> = match user {
            None => None,
            Some(user) => Some(Arc::new(self.users.named(user).await?)),
        };
        Ok(self.gateway.test(&upstream, user.as_ref()).await)
    }

    /// The state of an upstream's index of documents; `None` for an upstream without one.
    pub fn index(&self, upstream: &Upstream) -> Option<IndexStatus> {
        self.gateway.index(upstream)
    }

    /// Has an upstream listed again.
    pub async fn refresh(&self, name: &str) -> Result<(), Refusal> {
        let upstream = self.named(name).await?;
        self.gateway.forget_lists(upstream.name).await;
        Ok(())
    }

    /// The upstreams that a user may use, as far as their state is known at this moment.
    pub async fn of_user(&self, user: &Arc<User>) -> Result<Vec<UserUpstream>, Refusal> {
        Ok(self.gateway.known_services(user).await?)
    }

    /// The tools of an upstream as an administrator reviews them, by name.
    pub async fn tools(&self, name: &str) -> Result<Vec<ReviewedTool>, Refusal> {
        let upstream = self.named(name).await?;
        Ok(self.gateway.review(upstream.name).await?)
    }

    /// The offers that the newest list of an upstream left out.
    pub async fn left_out(&self, name: &str) -> Result<LeftOut, Refusal> {
        let upstream = self.named(name).await?;
        Ok(self.gateway.left_out(upstream.name))
    }

    /// All upstreams, each with the numbers that a list shows, without a request to them.
    pub async fn summaries(&self) -> Result<Vec<UpstreamSummary>, Refusal> {
        let store = &self.users.store;
        let tools = store.count_tools().await?;
        let users = store.count_all_connections().await?;
        let mut summaries = Vec::new();
        let all = self.all().await?;
        let key = |upstream: &Arc<Upstream>| Dependency::Upstream.key(upstream.name.as_str());
        let stored = store.settings(all.iter().map(key).collect()).await?;
        for upstream in all {
            let name = upstream.name.as_str();
            let health = VitalRecord::read(stored.get(&key(&upstream)).map(String::as_str));
            let counted = tools.iter().find(|count| count.upstream == name);
            summaries.push(UpstreamSummary {
                tools: counted.map_or(0, |count| count.tools),
                waiting: counted.map_or(0, |count| count.waiting),
                users: users.iter().find(|(one, _)| one == name).map_or(0, |(_, users)| *users),
                health,
                upstream,
            });
        }
        Ok(summaries)
    }

    /// An upstream with its tools, and its health as it was last noted.
    pub async fn review_one(&self, name: &str) -> Result<(ReviewedUpstream, VitalRecord), Refusal> {
        let upstream = self.named(name).await?;
        let key = Dependency::Upstream.key(upstream.name.as_str());
        let stored = self.users.store.setting(&key).await?;
        let reviewed = ReviewedUpstream {
            tools: self.gateway.review(upstream.name).await?,
            left_out: self.gateway.left_out(upstream.name),
            users: self.gateway.count_connections(upstream.name).await?,
            trust: self.gateway.trust(&upstream).await?,
            upstream,
        };
        Ok((reviewed, VitalRecord::read(stored.as_deref())))
    }

    /// All upstreams with their tools.
    pub async fn review(&self) -> Result<Vec<ReviewedUpstream>, Refusal> {
        let mut reviewed = Vec::new();
        for upstream in self.all().await? {
            let name = upstream.name;
            reviewed.push(ReviewedUpstream {
                tools: self.gateway.review(name).await?,
                left_out: self.gateway.left_out(name),
                users: self.gateway.count_connections(name).await?,
                trust: self.gateway.trust(&upstream).await?,
                upstream,
            });
        }
        Ok(reviewed)
    }

    /// The tools of all upstreams that wait for a decision, by upstream and name. Only upstreams
    /// with such tools are looked at.
    pub async fn waiting(&self) -> Result<Vec<WaitingTool>, Refusal> {
        let counts = self.users.store.count_tools().await?;
        let mut found = Vec::new();
        for upstream in self.all().await? {
            let name = upstream.name.as_str();
            if counts.iter().any(|count| count.upstream == name && count.waiting > 0) {
                let tools = self.gateway.review(upstream.name).await?;
                let tools = tools.into_iter().filter(waits);
                found.extend(
                    tools.map(|tool| WaitingTool { upstream: Arc::clone(&upstream), tool }),
                );
            }
        }
        found.sort_by_cached_key(WaitingTool::key);
        Ok(found)
    }

    /// The number of tools of all upstreams that wait for a decision.
    pub(crate) async fn count_waiting(&self) -> Result<u64, Refusal> {
        let counts = self.users.store.count_tools().await?;
        let all = self.all().await?;
        let known = |count: &&ToolCount| all.iter().any(|one| one.name.as_str() == count.upstream);
        Ok(counts.iter().filter(known).map(|count| count.waiting).sum())
    }

    /// Keeps decisions about several tools, one after another. A refused one stops no other.
    pub async fn decide_all(
        &self,
        decisions: &[(ToolVersion<'_>, Decision)],
        by: &str,
    ) -> DecidedTools {
        let mut outcome = DecidedTools::default();
        for (tool, decision) in decisions {
            match self.decide(*tool, *decision, by).await {
                Ok(_) => outcome.decided += 1,
                Err(refusal) => {
                    let (upstream, tool) = (tool.upstream.to_owned(), tool.tool.to_owned());
                    outcome.refused.push((upstream, tool, refusal));
                }
            }
        }
        outcome
    }

    /// Keeps a decision about a tool. Returns its state after the decision.
    pub async fn decide(
        &self,
        tool: ToolVersion<'_>,
        decision: Decision,
        by: &str,
    ) -> Result<PinnedTool, Refusal> {
        let upstream = self.named(tool.upstream).await?.name;
        let pin = self.gateway.pinned(upstream, tool.tool).await?;
        if tool.seen.is_some_and(|seen| seen != tool_etag(&pin)) {
            return Err(ToolChangeError::Changed.into());
        }
        self.gateway.decide(&pin, decision, by).await?;
        Ok(self.gateway.pinned(upstream, tool.tool).await?)
    }

    /// Approves all tools of an upstream that wait for a decision. Returns their names.
    pub async fn approve_waiting(&self, name: &str, by: &str) -> Result<Vec<String>, Refusal> {
        let upstream: UpstreamName = self.named(name).await?.name;
        let mut approved = Vec::new();
        for tool in self.gateway.review(upstream).await?.into_iter().filter(waits) {
            self.gateway.decide(&tool.pin, Decision::Approve, by).await?;
            approved.push(tool.pin.tool);
        }
        Ok(approved)
    }

    /// Ends the connections that this process has to upstreams.
    pub fn close(&self) {
        self.gateway.close();
    }
}

impl Editable for Upstreams {
    type Change = SettingsPatch;
    type Plan = PreparedUpstream;

    async fn plan(&self, of: &str, change: &SettingsPatch) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.named(of).await?.public_config();
        let (after, differences) =
            edit::patched(Family::Upstream, &before, change, &self.administered)?;
        // An upstream of the machine is the operator's alone: its settings are its command's.
        settable::admit_kind(Family::Upstream, &before.kind, change.reach)?;
        let plan = self.gateway.prepare_change(of, after).await?;
        Ok(Planned { differences, ends_access: plan.ends_access(), etag: plan.etag(), plan })
    }

    async fn put(&self, plan: PreparedUpstream, keys: Vec<String>) -> Result<(), Refusal> {
        Ok(self.gateway.change(&plan, keys).await?)
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.etag(&*self.named(of).await?).await?.unwrap_or_default())
    }

    fn changed(of: &str) -> Refusal {
        UpstreamChangeError::Changed(of.to_owned()).into()
    }
}
