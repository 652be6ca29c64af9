//! doorward-registration
