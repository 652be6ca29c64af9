//! The way of a user through the pages.

use super::{CALLBACK, PASSWORD, User, member};
use crate::{
    http::{Outcome, encoded, hidden, parameter},
    keys::{hash, random},
};

impl User {
    pub(super) async fn sign_in(&mut self) -> Outcome<()> {
        let page = self.agent.get("/login").await?.expect(200)?.text();
        let csrf = hidden(&page, "/login\" class", "csrf")?;
        let fields =
            format!("csrf={}&name={}&password={}", encoded(&csrf), self.name, encoded(PASSWORD));
        self.agent.form("/login", &[], &fields).await?.expect(303).map(drop)
    }

    /// The parameters of an authorization request.
    fn asked(&self, verifier: &str) -> String {
        let mut asked = format!(
            "response_type=code&client_id={}&redirect_uri={}&code_challenge={}&code_challenge_method=S256&state=s&scope={}",
            encoded(&self.client.id),
            encoded(CALLBACK),
            hash(verifier),
            encoded(self.scope),
        );
        if let Some(resource) = &self.resource {
            asked.push_str(&format!("&resource={}", encoded(resource)));
        }
        asked
    }

    /// The authorization code flow.
    pub(super) async fn flow(&mut self) -> Outcome<()> {
        let verifier = random()?;
        let asked = self.asked(&verifier);
        self.decided(&asked, &verifier).await
    }

    /// The same with a request that the client pushes.
    pub(super) async fn pushed_flow(&mut self) -> Outcome<()> {
        let verifier = random()?;
        let asked = self.asked(&verifier);
        let pushed = self.agent.form("/oauth/par", &[], &asked).await?.expect(201)?.json()?;
        let uri = encoded(&member(&pushed, "request_uri")?);
        let asked = format!("client_id={}&request_uri={uri}", encoded(&self.client.id));
        self.decided(&asked, &verifier).await
    }

    /// Opens a request in the browser, allows what it asks for, and redeems the code.
    async fn decided(&mut self, asked: &str, verifier: &str) -> Outcome<()> {
        let begun = self.agent.get(&format!("/oauth/authorize?{asked}")).await?.expect(303)?;
        let to = begun.header("location").ok_or("no page was named")?.to_owned();
        // An application that the user signed in to before is answered without a page.
        let back = if to.starts_with(CALLBACK) { to } else { self.allowed(&to).await? };
        let code = parameter(&back, "code").ok_or_else(|| format!("no code in {back}"))?;
        let fields = format!(
            "grant_type=authorization_code&code={code}&code_verifier={verifier}&redirect_uri={}",
            encoded(CALLBACK)
        );
        self.tokens(fields).await
    }

    /// Allows all that the page of a request names. Returns the URL of the answer to the client.
    async fn allowed(&mut self, consent: &str) -> Outcome<String> {
        let consent = consent.strip_prefix(&self.base).unwrap_or(consent).to_owned();
        let page = self.agent.get(&consent).await?.expect(200)?.text();
        let field = |name| hidden(&page, "/consent\"", name);
        let mut fields = format!(
            "csrf={}&request={}&decision=allow",
            encoded(&field("csrf")?),
            encoded(&field("request")?)
        );
        for scope in page.split("name=\"scope-").skip(1) {
            let scope = scope.split('"').next().unwrap_or_default();
            fields.push_str(&format!("&scope-{}=on", encoded(scope)));
        }
        let decided = self.agent.form("/consent", &[], &fields).await?.expect(303)?;
        let back = decided.header("location").ok_or("no answer to the client")?;
        Ok(back.to_owned())
    }
}
