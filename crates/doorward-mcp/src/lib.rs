//! doorward-mcp
