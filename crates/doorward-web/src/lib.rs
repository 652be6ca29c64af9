//! doorward-web
