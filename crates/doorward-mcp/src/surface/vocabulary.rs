//! The words that the search knows: verbs by what they do, words that carry no meaning, and words
//! of similar meaning. Everything else follows from the texts of the tools.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use super::words::stem;

/// The kind of effect that a verb names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    List,
    Read,
    Create,
    Change,
    Delete,
    Restore,
    Archive,
}

impl Action {
    /// True if it changes nothing.
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::List | Self::Read)
    }

    /// True if users say one where an API says the other.
    pub(super) fn is_near(self, other: Self) -> bool {
        let pair = |one, two| (self, other) == (one, two) || (other, self) == (one, two);
        pair(Self::List, Self::Read)
            || pair(Self::Create, Self::Change)
            || pair(Self::Create, Self::Restore)
            || pair(Self::Change, Self::Restore)
            || pair(Self::Change, Self::Archive)
            || pair(Self::Delete, Self::Archive)
    }
}

/// Verbs by action. A verb in two lines has the action of the first.
const VERBS: &[(Action, &str)] = &[
    (Action::List, "list enumerate search query browse filter index"),
    (
        Action::Read,
        "get read retrieve fetch show find lookup describe view display check inspect download see \
         look tell count know print compare calculate estimate validate verify parse extract \
         preview analyze analyse export ping report",
    ),
    (
        Action::Create,
        "create add make build insert new register post write generate invite compose open book \
         buy purchase order upload enroll enrol issue start launch provision submit subscribe \
         import spawn allocate establish schedule grant reserve sign send publish record raise",
    ),
    (
        Action::Change,
        "update change edit modify set rename replace patch put alter adjust save configure move \
         assign correct fix switch enable rewrite increase reduce extend amend reschedule",
    ),
    (
        Action::Delete,
        "delete remove erase drop destroy purge clear discard rid tear wipe trash uninstall \
         unregister cancel void revoke terminate kill detach disconnect unsubscribe unassign \
         dismiss kick expel prune lift",
    ),
    (Action::Restore, "restore recover undelete revert rollback reinstate unarchive reopen undo"),
    (Action::Archive, "archive retire shelve deprecate"),
];

/// Further verbs that change something, each in its own way.
const CHANGING: &str = "run execute apply approve reject merge close lock unlock stop pause resume trigger deploy \
     disable activate deactivate turn connect link unlink attach copy duplicate clone fork swap \
     transfer pay charge refund reply react vote mark tag untag confirm accept decline reset \
     rotate renew refresh sync give take process login logout top promote install upgrade \
     downgrade scale restart reboot shut bring leave join hire fire block unblock ban mute pin \
     unpin star follow unfollow share unshare sort append";

/// Verbs that change something and are hardly ever nouns, so that they count wherever they are.
const PLAIN: &str = "add append archive cancel create delete deploy destroy disable edit enable \
    enroll erase insert invite modify publish remove rename restore revoke send unsubscribe update \
    upload write";

/// Verbs that say only that something is to be seen.
const GENERIC: &str =
    "get list show find fetch retrieve read view display see look tell give describe know";

/// Verbs that are used for each other.
const SIMILAR_VERBS: &[&str] = &[
    "book reserve schedule",
    "buy purchase order",
    "cancel void revoke annul",
    "give grant assign",
    "send submit post write",
    "pay settle charge",
    "mute silence snooze",
    "start run trigger launch execute dispatch rerun",
    "stop halt kill terminate end quit",
    "restart reboot",
    "restore return recover undo",
    "lend loan borrow",
    "answer reply respond",
    "attach connect link mount",
    "detach disconnect unlink unmount",
    "approve accept confirm",
    "reject decline deny refuse",
    "enroll enrol register join",
    "leave withdraw quit",
    "resize scale grow shrink",
    "rollback revert",
    "copy duplicate clone fork",
    "move transfer reschedule",
    "invite add",
    "add attach assign",
    "ask request",
    "sign login",
    "renew refresh rotate",
    "fix correct adjust repair",
    "tag label mark",
    "empty clear purge cleanup",
    "upload import",
    "download export",
    "delete remove erase destroy drop purge kick expel prune",
    "lift revoke remove unban",
    "finish complete done",
    "create make add new register insert build",
    "change update edit modify set replace",
];

/// Other words that are used for each other.
const SIMILAR: &[&str] = &[
    "picture photo image avatar",
    "nickname nick",
    "reminder remind resend",
    "trash bin",
    "share collaboration",
    "mail email",
    "permission access policy allowed visibility",
    "who user person people member account someone somebody collaborator",
    "tfa mfa totp 2fa factor",
    "login signin authenticate session token",
    "logout signout",
    "cost price rate pricing fee charge quote",
    "health status alive ping up",
    "history log activity audit event change",
    "money fund balance credit payment",
    "error fail problem wrong issue",
    "folder directory",
    "company organization organisation business",
    "usage statistic stat analytic metric often",
    "option setting configuration preference config",
    "message post comment note",
    "customer client buyer",
    "employee staff worker",
    "doctor physician practitioner",
    "phone mobile telephone",
    "invoice bill receipt",
    "job task run",
    "package parcel",
    "server instance machine host node",
    "key secret token credential",
    "renew refresh rotate",
    "start begin run launch execute",
    "stop end halt",
    "several multiple bulk many batch all everything",
    "grade mark score",
    "build run pipeline workflow",
    "lesson class course timetable",
    "disk volume storage",
    "bug issue ticket",
    "medicine drug medication prescription",
    "homework assignment exercise",
    "address location place",
    "team group department",
    "trip travel journey",
    "film movie",
    "meal dish food menu",
    "shop store",
    "article product item",
    "document file",
    "me current self whoami profile",
];

/// Verbs of two words, and the one that means the same. The object may be between them.
const PHRASES: &[(&str, &str)] = &[
    ("bring back", "restore"),
    ("call off", "cancel"),
    ("fill in", "update"),
    ("fill out", "update"),
    ("get rid", "delete"),
    ("give back", "return"),
    ("kick out", "kick"),
    ("hand out", "grant"),
    ("log in", "login"),
    ("log out", "logout"),
    ("look up", "find"),
    ("move out", "remove"),
    ("put back", "restore"),
    ("set up", "create"),
    ("shut down", "stop"),
    ("sign in", "login"),
    ("sign out", "logout"),
    ("sign up", "register"),
    ("spin up", "create"),
    ("stand up", "create"),
    ("switch off", "disable"),
    ("switch on", "enable"),
    ("take away", "remove"),
    ("take down", "delete"),
    ("take off", "remove"),
    ("take out", "remove"),
    ("tear down", "delete"),
    ("throw away", "delete"),
    ("throw out", "delete"),
    ("top up", "add"),
    ("turn off", "disable"),
    ("turn on", "enable"),
    ("write down", "create"),
];

/// Words that are in every text and name nothing.
const STOP: &str = "a an and are as at be been being but by can could do does did done d for from going go goes \
     had has have having he her here hers him his how i if in into is it its itself just ll m me my \
     mine now of on once or our ours own re s so t than that the their theirs them then there these \
     they this those to too us ve was we were what when where which while who whom whose why will \
     with would you your yours am shall should may might must let lets please want wants need needs \
     like some any every each much more most other same such only very not no nor about over under \
     again";

/// The words of the search, each reduced to its stem.
pub(super) struct Vocabulary {
    verbs: HashMap<String, Action>,
    changing: HashSet<String>,
    plain: HashSet<String>,
    generic: HashSet<String>,
    similar: HashMap<String, Vec<String>>,
    similar_verbs: HashMap<String, Vec<String>>,
    stop: HashSet<&'static str>,
}

/// Each word with the others of its lines.
fn groups(lines: &[&str]) -> HashMap<String, Vec<String>> {
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines {
        let stems: Vec<String> = line.split_whitespace().map(stem).collect();
        for one in &stems {
            let others = stems.iter().filter(|other| *other != one).cloned();
            all.entry(one.clone()).or_default().extend(others);
        }
    }
    for similar in all.values_mut() {
        similar.sort();
        similar.dedup();
    }
    all
}

impl Vocabulary {
    /// The words, reduced once.
    pub(super) fn get() -> &'static Self {
        static WORDS: OnceLock<Vocabulary> = OnceLock::new();
        WORDS.get_or_init(|| {
            let mut verbs = HashMap::new();
            for (action, words) in VERBS {
                for word in words.split_whitespace() {
                    verbs.entry(stem(word)).or_insert(*action);
                }
            }
            let similar_verbs = groups(SIMILAR_VERBS);
            let mut changing: HashSet<String> = CHANGING.split_whitespace().map(stem).collect();
            changing.extend(
                similar_verbs
                    .keys()
                    .filter(|verb| verbs.get(*verb).is_none_or(|action: &Action| !action.reads()))
                    .cloned(),
            );
            Self {
                changing,
                plain: PLAIN.split_whitespace().map(stem).collect(),
                generic: GENERIC.split_whitespace().map(stem).collect(),
                similar: groups(SIMILAR),
                similar_verbs,
                stop: STOP.split_whitespace().collect(),
                verbs,
            }
        })
    }

    /// The action of a verb, by its stem.
    pub(super) fn action(&self, stem: &str) -> Option<Action> {
        self.verbs.get(stem).copied()
    }

    /// True for the stem of a verb that changes something without being in the table of actions.
    pub(super) fn changes(&self, stem: &str) -> bool {
        self.changing.contains(stem)
    }

    /// True for the stem of a verb that changes something and is hardly ever a noun.
    pub(super) fn is_plain(&self, stem: &str) -> bool {
        self.plain.contains(stem)
    }

    /// True for the stem of a verb that only asks to see an object.
    pub(super) fn is_generic(&self, stem: &str) -> bool {
        self.generic.contains(stem)
    }

    /// True for a word without meaning for the search.
    pub(super) fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    /// Words of similar meaning, by stem.
    pub(super) fn similar(&self, stem: &str) -> &[String] {
        self.similar.get(stem).map(Vec::as_slice).unwrap_or_default()
    }

    /// Verbs of similar meaning, by stem.
    pub(super) fn similar_verbs(&self, stem: &str) -> &[String] {
        self.similar_verbs.get(stem).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The verb that means the same as these two words.
pub(super) fn phrase(first: &str, second: &str) -> Option<&'static str> {
    let same = |(words, _): &&(&str, &str)| words.split_once(' ') == Some((first, second));
    PHRASES.iter().find(same).map(|(_, verb)| *verb)
}
