//! Pure checks of client input: functions of their arguments, without store, clock or library.

pub(crate) mod interaction;
pub(crate) mod pkce;
pub(crate) mod redirect;
pub(crate) mod resource;
pub(crate) mod scope;
