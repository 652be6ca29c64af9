//! The reach of a request or a token: the resources that it may name, and the scopes that are
//! possible there.

use doorward_model::{
    Authentication, ExternalResource, OAuthErrorCode, Resource, Scope, ScopeSet, User,
};

use crate::{Failure, Issuer, checks::resource};

impl Issuer {
    /// Loads the external resource servers of the store; free when they are unchanged.
    pub(crate) async fn follow_resources(&self) -> Result<(), Failure> {
        let external = self.services.store.external_resources().await?;
        self.settings.resources.follow(&external);
        Ok(())
    }

    /// The resources that a request for new access names, and the external resource server among
    /// them.
    pub(crate) async fn named_resources(
        &self,
        presented: &[String],
    ) -> Result<(Vec<Resource>, Option<ExternalResource>), Failure> {
        self.follow_resources().await?;
        self.resources_of(presented)
    }

    /// The same, from what was loaded. A token for an external resource server is for it alone: it
    /// sees the token, and could use it elsewhere. One for a toolset is for it alone too: it is
    /// there to reach no more.
    pub(crate) fn resources_of(
        &self,
        presented: &[String],
    ) -> Result<(Vec<Resource>, Option<ExternalResource>), Failure> {
        let table = &self.settings.resources;
        let resources = resource::of_authorization(presented, &table.snapshot())?;
        let external = resources.iter().find_map(|resource| table.external(resource));
        if external.is_some() && resources.len() > 1 {
            let why = "a token for an external resource server is for no other resource; ask for one token for each";
            return Err(Failure::new(OAuthErrorCode::InvalidTarget, why));
        }
        self.judge_toolsets(&resources)?;
        Ok((resources, external))
    }

    /// Refuses a toolset together with other resources.
    pub(crate) fn judge_toolsets(&self, resources: &[Resource]) -> Result<(), Failure> {
        let public_url = &self.settings.public_url;
        if resources.len() > 1 && resources.iter().any(|one| one.is_of_toolset(public_url)) {
            let why = "a token for a toolset is for no other resource; ask for one token for each";
            return Err(Failure::new(OAuthErrorCode::InvalidTarget, why));
        }
        Ok(())
    }

    /// The part of `scopes` that this user may have at these resources at this moment.
    pub(crate) fn reach(
        &self,
        scopes: &ScopeSet,
        resources: &[Resource],
        user: &User,
        authentication: &Authentication,
    ) -> ScopeSet {
        let table = &self.settings.resources;
        let left = self.settings.rules.now().access.effective(scopes, user, authentication);
        // The claims of a user are told in signing them in, and not without it.
        let signs_in = left.contains(Scope::OpenId);
        let left: ScopeSet = left.iter().filter(|scope| signs_in || !scope.is_identity()).collect();
        // One that was removed has no scopes, nor has one for users with other roles.
        let closed = |resource: &Resource| {
            resource.is_of_toolset(&self.settings.public_url)
                && table.toolset_at(resource).is_none_or(|toolset| !toolset.admits(user))
        };
        if resources.iter().any(closed) {
            return ScopeSet::default();
        }
        let Some(foreign) = resources.iter().find(|resource| table.is_external(resource)) else {
            return left.iter().filter(|scope| !scope.is_external()).collect();
        };
        // One that was removed, or that belongs to a public URL of before, has no scopes.
        match table.external(foreign) {
            Some(external) if resources.len() == 1 && external.admits(user) => {
                external.part_of(&left)
            }
            _ => ScopeSet::default(),
        }
    }
}
