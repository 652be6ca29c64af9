//! Notifications that upstreams of the stateless revisions send on request alone: changes of their
//! lists and resources.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use doorward_mcp::{Change, Changed, Changes};
use doorward_model::{UpstreamName, UserId};
use rmcp::{
    model::{ServerNotification, SubscriptionFilter},
    service::{ServiceError, Subscription},
};

use crate::{failed::Failed, link::Link, link_error::LinkError, wire::LONGEST_URI};

/// Time that an upstream may take to agree.
const AGREE_WITHIN: Duration = Duration::from_secs(10);
/// The interval at which a quiet stream checks that its connection still exists.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The audience of a change, and the channel on which it is announced.
#[derive(Clone)]
pub(crate) struct Audience {
    pub(crate) changes: Changes,
    pub(crate) upstream: UpstreamName,
    pub(crate) user: Option<UserId>,
}

/// Watches a resource.
pub(crate) async fn resource(
    link: &Arc<Link>,
    uri: String,
    audience: Audience,
) -> Result<(), Failed> {
    let filter = SubscriptionFilter::builder().resource_subscriptions(vec![uri]).build();
    match tokio::time::timeout(AGREE_WITHIN, link.listen(filter)).await {
        Ok(Ok(subscription)) => {
            tokio::spawn(follow(subscription, Arc::downgrade(link), audience));
            Ok(())
        }
        Ok(Err(ServiceError::McpError(error))) => Err(Failed::Upstream(error)),
        Ok(Err(error)) => Err(Failed::Link(LinkError::of(&error))),
        Err(_) => Err(Failed::Link(LinkError::Failed("it did not respond in time".to_owned()))),
    }
}

/// Watches the lists of a new connection, where the upstream announces changes.
pub(crate) fn lists(link: &Arc<Link>, audience: Audience) {
    let capabilities = link.info().map(|info| info.capabilities.clone()).unwrap_or_default();
    let tools = capabilities.tools.is_some_and(|tools| tools.list_changed == Some(true));
    let prompts = capabilities.prompts.is_some_and(|prompts| prompts.list_changed == Some(true));
    let resources =
        capabilities.resources.is_some_and(|resources| resources.list_changed == Some(true));
    if !link.modern || !(tools || prompts || resources) {
        return;
    }
    let mut filter = SubscriptionFilter::new();
    filter.tools_list_changed = tools.then_some(true);
    filter.prompts_list_changed = prompts.then_some(true);
    filter.resources_list_changed = resources.then_some(true);
    let (held, weak) = (Arc::clone(link), Arc::downgrade(link));
    tokio::spawn(async move {
        let agreed = tokio::time::timeout(AGREE_WITHIN, held.listen(filter)).await;
        drop(held);
        // An upstream that declares it and does not do it is listed again after the usual time.
        if let Ok(Ok(subscription)) = agreed {
            follow(subscription, weak, audience).await;
        }
    });
}

async fn follow(mut subscription: Subscription, link: Weak<Link>, audience: Audience) {
    loop {
        let what = match tokio::time::timeout(LOOK_EVERY, subscription.next()).await {
            Ok(Ok(Some(ServerNotification::ResourceUpdatedNotification(update))))
                if update.params.uri.len() <= LONGEST_URI =>
            {
                Changed::Resource(update.params.uri)
            }
            Ok(Ok(Some(ServerNotification::ToolListChangedNotification(_)))) => Changed::Tools,
            Ok(Ok(Some(ServerNotification::PromptListChangedNotification(_)))) => Changed::Prompts,
            Ok(Ok(Some(ServerNotification::ResourceListChangedNotification(_)))) => {
                Changed::Resources
            }
            Ok(Ok(Some(_))) => continue,
            Err(_) if link.strong_count() > 0 => continue,
            _ => return,
        };
        if !matches!(what, Changed::Resource(_))
            && let Some(link) = link.upgrade()
        {
            link.stale.store(true, Ordering::Release);
        }
        audience.changes.tell(Change {
            upstream: Some(audience.upstream),
            user: audience.user.clone(),
            what,
        });
    }
}
