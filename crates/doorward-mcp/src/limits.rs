//! Limits for each user, client and upstream. Every refusal states the time of the next attempt.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use doorward_model::{UpstreamName, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{AgentCall, InboundRequest, item::CallLimits, tools::ToolError};

/// Limits. An upstream may have tighter limits of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Maximum number of calls per minute of one user (tools, prompts and resources), through all
    /// clients together.
    pub calls_per_minute_user: u32,
    /// Maximum number of calls per minute through one client, of all users together.
    pub calls_per_minute_client: u32,
    /// Maximum number of concurrent calls of one user.
    pub calls_at_once_user: u32,
    /// Maximum number of concurrent calls to one upstream, of all users together.
    pub calls_at_once_upstream: u32,
    /// Maximum number of queued calls, for each user and for each upstream.
    pub calls_waiting: u32,
    /// Maximum time for which a call is queued, in seconds.
    pub wait_seconds: u64,
    /// Maximum duration of a call, in seconds. Progress that an upstream reports does not extend
    /// it.
    pub call_seconds: u64,
    /// Maximum size of a call's arguments, in bytes.
    pub argument_bytes: usize,
    /// Maximum size of a result, in bytes.
    pub result_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_per_minute_user: 3000,
            calls_per_minute_client: 6000,
            calls_at_once_user: 32,
            calls_at_once_upstream: 64,
            calls_waiting: 64,
            wait_seconds: 10,
            call_seconds: 600,
            argument_bytes: 1024 * 1024,
            result_bytes: 8 * 1024 * 1024,
        }
    }
}

/// The subject of the counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    User(UserId),
    /// A client or a personal access token, by its identifier.
    Program(String),
    Upstream(UpstreamName),
    Codes(UserId),
}

/// Maximum number of confirmation codes that one user's clients may try in a minute, for all uses
/// together.
const CODES_PER_MINUTE: u32 = 20;
/// Number of entries that are remembered before idle ones are forgotten.
const SWEEP_ABOVE: usize = 10_000;

/// An allowance that fills up again at a steady rate.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

struct Gate {
    at_once: u32,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// All counters of this process.
#[derive(Default)]
pub(crate) struct Limits {
    buckets: Mutex<HashMap<Key, Bucket>>,
    gates: Mutex<HashMap<Key, Arc<Gate>>>,
}

/// A call's turn. Dropping it admits the next one.
pub(crate) struct Turn {
    _permits: Vec<OwnedSemaphorePermit>,
}

fn lock<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> std::sync::MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Limits {
    /// Takes one from an allowance; returns the seconds until one is available, if there is none
    /// now.
    fn take(&self, key: Key, per_minute: u32) -> Result<(), u64> {
        let (most, rate) = (f64::from(per_minute.max(1)), f64::from(per_minute.max(1)) / 60.0);
        let now = Instant::now();
        let mut buckets = lock(&self.buckets);
        if buckets.len() > SWEEP_ABOVE {
            buckets.retain(|_, bucket| now.duration_since(bucket.at) < Duration::from_mins(1));
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: most, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * rate).min(most);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 60 and not negative"
        )]
        Err((((1.0 - bucket.left) / rate).ceil() as u64).max(1))
    }

    fn gate(&self, key: Key, at_once: u32) -> Arc<Gate> {
        let mut gates = lock(&self.gates);
        if gates.len() > SWEEP_ABOVE {
            gates.retain(|_, gate| {
                Arc::strong_count(gate) > 1 || gate.permits.available_permits() == 0
            });
        }
        if let Some(gate) = gates.get(&key)
            && gate.at_once == at_once
        {
            return Arc::clone(gate);
        }
        // Also where the limit changed: calls under way end at the gate that they passed.
        let gate = Arc::new(Gate {
            at_once,
            permits: Arc::new(Semaphore::new(at_once.max(1) as usize)),
            waiting: AtomicUsize::new(0),
        });
        gates.insert(key, Arc::clone(&gate));
        gate
    }

    /// Waits for a call's turn: within the rates, then at each gate, where only so many may wait
    /// and only so long.
    pub(crate) async fn admit(
        &self,
        config: &LimitsConfig,
        inbound: &InboundRequest,
        upstream: Option<UpstreamName>,
        limits: CallLimits,
    ) -> Result<Turn, ToolError> {
        let caller = &inbound.caller;
        let busy = |what: &str, seconds: u64| {
            ToolError::Busy(format!("{what}; try again in {seconds} s"), seconds)
        };
        self.take(Key::User(caller.user_id().clone()), config.calls_per_minute_user)
            .map_err(|seconds| busy("you made too many calls in a minute", seconds))?;
        self.take(Key::Program(caller.program().to_string()), config.calls_per_minute_client)
            .map_err(|seconds| busy("this client made too many calls in a minute", seconds))?;
        let mut gates = Vec::new();
        // The call of `ask` has a turn, and the agent's calls are made within it one by one.
        if !caller.agent.as_ref().is_some_and(AgentCall::is_within_call) {
            gates.push((
                self.gate(Key::User(caller.user_id().clone()), config.calls_at_once_user),
                "you have too many calls in progress".to_owned(),
            ));
        }
        if let Some(upstream) = upstream {
            if limits.per_minute > 0 {
                self.take(Key::Upstream(upstream), limits.per_minute).map_err(|seconds| {
                    busy(&format!("{upstream} receives too many calls"), seconds)
                })?;
            }
            let at_once =
                if limits.at_once > 0 { limits.at_once } else { config.calls_at_once_upstream };
            gates.push((
                self.gate(Key::Upstream(upstream), at_once),
                format!("too many calls are in progress at {upstream}"),
            ));
        }
        let mut permits = Vec::with_capacity(gates.len());
        for (gate, what) in gates {
            permits.push(
                Self::pass(config, &gate)
                    .await
                    .ok_or_else(|| busy(&what, config.wait_seconds.max(1)))?,
            );
        }
        Ok(Turn { _permits: permits })
    }

    /// Takes one from the tries of confirmation codes that a user has.
    pub(crate) fn try_code(&self, user_id: &UserId) -> Result<(), ToolError> {
        let busy = |seconds| {
            ToolError::Busy(format!("too many codes were tried; try again in {seconds} s"), seconds)
        };
        self.take(Key::Codes(user_id.clone()), CODES_PER_MINUTE).map_err(busy)
    }

    async fn pass(config: &LimitsConfig, gate: &Gate) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&gate.permits).try_acquire_owned() {
            return Some(permit);
        }
        if gate.waiting.fetch_add(1, Ordering::Relaxed) >= config.calls_waiting as usize {
            gate.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let waited = tokio::time::timeout(
            Duration::from_secs(config.wait_seconds),
            Arc::clone(&gate.permits).acquire_owned(),
        )
        .await;
        gate.waiting.fetch_sub(1, Ordering::Relaxed);
        waited.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_and_says_when_it_fills_again() {
        let limits = Limits::default();
        let key = || Key::User(UserId::from_text("u_1"));
        for _ in 0..6 {
            assert_eq!(limits.take(key(), 6), Ok(()));
        }
        let wait = limits.take(key(), 6).unwrap_err();
        assert!((9..=10).contains(&wait), "{wait}");
        assert_eq!(
            limits.take(Key::User(UserId::from_text("u_2")), 6),
            Ok(()),
            "another user has their own"
        );
    }

    #[tokio::test]
    async fn a_gate_follows_the_limit_when_it_changes() {
        let limits = Limits::default();
        let key = || Key::User(UserId::from_text("u_1"));
        let config = LimitsConfig { calls_waiting: 0, ..LimitsConfig::default() };
        let held = Limits::pass(&config, &limits.gate(key(), 1)).await;
        assert!(held.is_some());
        assert!(Limits::pass(&config, &limits.gate(key(), 1)).await.is_none());
        let wider = limits.gate(key(), 2);
        assert!(Limits::pass(&config, &wider).await.is_some());
    }

    #[tokio::test]
    async fn only_so_many_wait_at_a_gate() {
        let limits = Limits::default();
        let config = LimitsConfig { calls_waiting: 1, wait_seconds: 1, ..LimitsConfig::default() };
        let gate = limits.gate(Key::Upstream(UpstreamName::parse("wiki").unwrap()), 1);
        let first = Limits::pass(&config, &gate).await;
        assert!(first.is_some());
        let (second, third) =
            tokio::join!(Limits::pass(&config, &gate), Limits::pass(&config, &gate));
        assert!(
            second.is_none() && third.is_none(),
            "one waited in vain, the other was turned away"
        );
        drop(first);
        assert!(Limits::pass(&config, &gate).await.is_some());
    }
}
