//! doorward-accounts
