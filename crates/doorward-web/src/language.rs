//! Texts of the pages in the language of the request.

pub(crate) use doorward_language::Language;
pub use doorward_language::said;

/// Filters of templates.
#[expect(
    missing_docs,
    clippy::inline_always,
    reason = "the macro makes of this what the function says, in its own way"
)]
pub mod filters {
    use std::fmt::Display;

    use super::Language;

    /// Says a text in the language of the request.
    #[askama::filter_fn]
    pub fn t(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(Language::current().say(&text.to_string()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use doorward_model::{AuditKind, Reason, StepKind, scope::SCOPES, timeline::QUIRKS};

    use super::Language;

    /// What pages say that the code puts together, with gaps for what differs: facts of lists,
    /// problems of connections, the steps of an explanation.
    const PUT_TOGETHER: &[&str] = &[
        "1 tool",
        "{} tools",
        "connected {}",
        "account there: {}",
        "scopes there: {}",
        "last used {}",
        "from {}",
        "last seen {}",
        "the access ended, and the upstream gave nothing to refresh it with",
        "the upstream no longer accepts the access that you gave",
        "the upstream no longer knows this server",
        "class: {}",
        "roles of {}: {}",
        "access.tool_roles let this user use {}: {}",
        "access.scope_roles let this user hold {}: {}",
        "policy: {}",
        "a rule closes the upstream as a whole: {}",
        "{}: no rule fits, so policy.default decides",
        "none",
        "{} by rule {}: {}",
        "the client's token needs the scope {}",
        "{} is used: {}",
        "include and exclude of {} offer {}: {}",
        "its definition is {}",
        "upstreams.{}.prompts is on: {}",
        "upstreams.{}.resources is on: {}",
        "upstreams.{}.roles let this user in: {}",
        "there is no user {}",
        "there is no session {}",
        "there is no connected app {}",
        "roles: at most {}",
        "an invitation through an identity provider needs an e-mail address",
        "the identity provider {} is switched off; switch it on first",
        "the database does not answer; try again shortly",
        "No mail was sent. Give the user this link: it works once, within seven days.",
        "The mail could not be sent. Give the user this link: it works once, within seven days.",
        "The mail could not be sent. Tell the user that there is an account.",
    ];

    /// Every text of the templates, of mails, of scopes, of the audit and of the timeline.
    fn texts() -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let console = concat!(env!("CARGO_MANIFEST_DIR"), "/../doorward-console/templates");
        let files =
            [here, console].into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        for file in files {
            let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for part in source.split("{{ \"").skip(1) {
                let Some((text, _)) = part.split_once("\"|t }}") else { continue };
                texts.push(text.replace("\\\"", "\""));
            }
        }
        // A long text has a line of its own in the source.
        let letters = include_str!("../../doorward-mail/src/letters.rs")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let said = letters
            .split("written(\"")
            .skip(1)
            .filter_map(|part| part.split_once('"'))
            .map(|(text, _)| text.to_owned());
        texts.extend(said);
        texts.extend(PUT_TOGETHER.iter().map(|text| (*text).to_owned()));
        for info in SCOPES {
            texts.extend([info.title.to_owned(), info.description.to_owned()]);
        }
        texts.extend(
            AuditKind::ALL
                .iter()
                .map(|(kind, _, _)| doorward_audit::title(&(*kind).into()).to_owned()),
        );
        texts.extend(StepKind::ALL.iter().map(|kind| kind.title().to_owned()));
        texts.extend(
            Reason::ALL
                .iter()
                .flat_map(|reason| [reason.what().to_owned(), reason.advice().to_owned()]),
        );
        texts.extend(QUIRKS.iter().map(|(_, _, advice)| (*advice).to_owned()));
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn every_text_is_said_in_every_language() {
        let texts = texts();
        assert!(texts.len() > 400, "{}", texts.len());
        for (language, tag) in Language::ALL {
            if language == Language::English {
                continue;
            }
            let missing: Vec<&String> =
                texts.iter().filter(|text| language.translation(text).is_none()).collect();
            assert!(
                missing.is_empty(),
                "{tag}: {} are missing:\n{}",
                missing.len(),
                missing.iter().map(|text| text.as_str()).collect::<Vec<_>>().join("\n")
            );
        }
    }
}
