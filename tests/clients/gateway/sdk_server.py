"""A small server made with an SDK as it is: python sdk_server.py fastmcp|mcp stdio|http|sse [PORT]

`fastmcp` is the package of that name, `mcp` the official SDK; each environment has its own versions.
"""

import sys

library, transport = sys.argv[1], sys.argv[2]
port = int(sys.argv[3]) if len(sys.argv) > 3 else 0

if library == "fastmcp":
    from fastmcp import FastMCP as Server
else:
    try:
        from mcp.server import MCPServer as Server
    except ImportError:
        from mcp.server.fastmcp import FastMCP as Server

server = Server("real")


@server.tool()
def echo(message: str) -> str:
    """Says what it is told."""
    return f"Echo: {message}"


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("it fails as it should")


@server.prompt()
def greeting(name: str) -> str:
    """Greets."""
    return f"Hello {name}"


@server.resource("note://one")
def one() -> str:
    """A note."""
    return "the first note"


if transport == "stdio":
    server.run()
else:
    import uvicorn

    if library == "fastmcp":
        app = server.http_app(transport=transport)
    elif transport == "sse":
        app = server.sse_app()
    else:
        app = server.streamable_http_app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
