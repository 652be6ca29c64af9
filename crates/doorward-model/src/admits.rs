//! The users whom the settings of an identity provider admit.

/// The treatment of users who sign in through an identity provider for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewUsers {
    /// Each gets an account here at the first sign-in.
    Open,
    /// Only those get one whom an administrator invited.
    Invited,
    /// They are refused as with [`NewUsers::Invited`], because the operator did not decide: anyone
    /// can have an account at the provider, and no rule limits it.
    Undecided,
}

/// The users whom the settings of an identity provider admit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admits {
    /// Users may sign in through it.
    pub enabled: bool,
    /// The service at which anyone can have an account; `None` where an organisation decides on its
    /// accounts.
    pub public: Option<&'static str>,
    /// The rules that an account must meet, as they are written in the settings.
    pub rules: Vec<String>,
    /// The treatment of new users.
    pub new_users: NewUsers,
}
