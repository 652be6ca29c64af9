//! The parts of the page of an upstream.

use doorward_language::{Message, text};

/// The link to a part of the page of an upstream.
pub(super) struct PartLink {
    pub(super) name: &'static str,
    pub(super) title: Message,
    pub(super) current: bool,
}

/// A part of the page of an upstream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Tools,
    Access,
    Connections,
    Settings,
    Activity,
    /// Of an upstream with documents.
    Index,
}

impl Part {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Tools, "tools"),
        (Self::Access, "access"),
        (Self::Connections, "connections"),
        (Self::Settings, "settings"),
        (Self::Activity, "activity"),
        (Self::Index, "index"),
    ];

    /// The part of that name; tools if there is none.
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Tools),
            Some(name) => Self::ALL.iter().find(|(_, known)| *known == name).map(|(part, _)| *part),
        }
    }

    /// The links to every part, of which this one is shown.
    pub(super) fn links(self, has_index: bool) -> Vec<PartLink> {
        let all = Self::ALL.into_iter().filter(|(part, _)| has_index || *part != Self::Index);
        let links = all.map(|(part, name)| {
            let title = match part {
                Self::Tools => text::console_service_tools(),
                Self::Access => text::console_service_access(),
                Self::Connections => text::console_service_connections(),
                Self::Settings => text::console_service_settings(),
                Self::Activity => text::console_service_activity(),
                Self::Index => text::index_title(),
            };
            PartLink { name, title, current: part == self }
        });
        links.collect()
    }
}
