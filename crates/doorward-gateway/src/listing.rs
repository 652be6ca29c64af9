//! One listing of an upstream: read as its kind reads it, evaluated, stored, and made a catalogue.

use std::sync::Arc;

use doorward_mcp::ToolSpec;
use doorward_model::{
    User,
    upstream::{Pinned, PinnedTool, ToolState},
};
use doorward_store::StoreError;
use doorward_transport::budget;
use rmcp::model::Tool;

use crate::{
    Inner, approval,
    catalogue::{self, Catalogue, build, spec},
    definition::{self, Shown},
    link_error::LinkError,
    listed::Listed,
    pins,
    turns::ListingStart,
    upstream::{Shared, Upstream},
};

impl Inner {
    /// Lists an upstream.
    pub(crate) async fn list(
        self: &Arc<Self>,
        upstream: &Shared,
        user: &Arc<User>,
    ) -> Result<Catalogue, LinkError> {
        let begun = self.turns.begin();
        let listed = upstream.kind.driver.list(self, upstream, user).await?;
        self.judge(upstream, listed, begun).await
    }

    /// Evaluates a listing, stores the outcome, and makes the catalogue of the pinned definitions.
    async fn judge(
        &self,
        upstream: &Shared,
        mut listed: Listed,
        begun: ListingStart,
    ) -> Result<Catalogue, LinkError> {
        let failed = |error: &dyn std::fmt::Display| LinkError::Failed(error.to_string());
        let store = &self.services.store;
        let mut turn = self.turns.take(upstream.name, begun).await;
        if turn.is_void() {
            let why = "the upstream was deleted or changed while it was listed";
            return Err(LinkError::Failed(why.to_owned()));
        }
        let pinned = store.pinned_tools(upstream.name).await.map_err(|error| failed(&error))?;
        let entries = approval::entries(upstream, &mut listed);
        let (rule, owned, shown) = (
            pins::Rule::of(self, upstream),
            Arc::clone(upstream),
            std::mem::take(&mut listed.tools),
        );
        let evaluate = move || {
            let offered: Vec<Shown> = shown
                .into_iter()
                .filter(|one| owned.offers(&one.tool.name))
                .chain(entries)
                .collect();
            pins::evaluate(&rule, &pinned, &offered)
        };
        let judged = budget::off_thread(evaluate).await.map_err(|error| failed(&error))?;
        // If lists are personal, another user's newer listing says nothing about this one.
        if upstream.lists_are_personal() || !turn.is_late() {
            pins::keep(self, judged.changes).await.map_err(|error| failed(&error))?;
            turn.stored();
        }
        drop(turn);
        let mut left_out = judged.left_out;
        left_out.join(std::mem::take(&mut listed.left_out));
        if left_out.count() > 0 {
            tracing::warn!(upstream = %upstream.name, tools = %left_out, "tools of an upstream are left out");
        } else if !left_out.is_empty() {
            tracing::info!(upstream = %upstream.name, parts = %left_out, "tools of an upstream are offered without some of their parts");
        }
        listed.left_out = left_out;
        approval::withhold(upstream, &mut listed, &judged.usable);
        let pins = store.pinned_tools(upstream.name).await.map_err(|error| failed(&error))?;
        let (owned, usable) = (Arc::clone(upstream), judged.usable);
        budget::off_thread(move || build(&owned, listed, &usable, pins))
            .await
            .map_err(|error| failed(&error))
    }

    /// The tools of an upstream that cannot be listed now, from approved definitions. With
    /// `connects`, all of them, with the hint that the user must connect first; else those that
    /// need no listing to be used.
    pub(crate) async fn pinned(
        &self,
        upstream: &Shared,
        connects: bool,
    ) -> Result<Vec<Arc<ToolSpec>>, StoreError> {
        let pins = self.services.store.pinned_tools(upstream.name).await?;
        if !connects {
            return Ok(ready(upstream, &pins)
                .map(|(pin, tool)| Arc::new(spec(upstream, tool, Some(pin), false)))
                .collect());
        }
        Ok(approved(upstream, &pins)
            .filter_map(|pin| {
                let tool = definition::pinned_tool(&pin.definition)?;
                Some(Arc::new(spec(upstream, tool, Some(pin), true)))
            })
            .collect())
    }
}

/// The approved tools that the upstream may offer.
fn approved<'p>(
    upstream: &'p Upstream,
    pins: &'p [PinnedTool],
) -> impl Iterator<Item = &'p PinnedTool> {
    pins.iter().filter(|pin| {
        pin.state == ToolState::Approved
            && !approval::is_entry(&pin.tool)
            && upstream.offers(&pin.tool)
    })
}

/// The approved tools that need no listing to be used: this version pinned the whole definition at
/// the upstream's present place, and no user was shown another one. Of the others, the next listing
/// tells whether the decision covers what is offered.
pub(crate) fn ready<'p>(
    upstream: &'p Upstream,
    pins: &'p [PinnedTool],
) -> impl Iterator<Item = (&'p PinnedTool, Tool)> {
    let place = upstream.place();
    approved(upstream, pins).filter_map(move |pin| {
        let settled = pin.pinned == Pinned::Whole
            && pin.changed.is_none()
            && pin.origin.as_deref() == Some(place.as_str());
        let (tool, operation) = definition::pinned(&pin.definition).filter(|_| settled)?;
        let performed =
            operation.is_none_or(|pinned| upstream.kind.driver.operation(pinned).is_some());
        (performed && catalogue::is_clear(upstream, pin, &tool)).then_some((pin, tool))
    })
}
