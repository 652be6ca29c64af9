"""An MCP server with an authorization server of its own, made with fastmcp: each user has their own notes there.

Its sign-in page is one form with a name, so that a test sees whose account was connected.
"""

import sys
import time

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.dependencies import get_access_token
from mcp.server.auth.settings import ClientRegistrationOptions

port = int(sys.argv[1])
base = f"http://127.0.0.1:{port}"
auth = InMemoryOAuthProvider(
    base_url=base,
    client_registration_options=ClientRegistrationOptions(enabled=True, valid_scopes=["notes"], default_scopes=["notes"]),
    required_scopes=["notes"],
)
server = FastMCP("notes", auth=auth)
notes: dict[str, list[str]] = {}


def owner() -> str:
    token = get_access_token()
    return token.client_id + token.token[-8:] if token else "none"


@server.tool(annotations={"readOnlyHint": True})
def list_notes() -> list[str]:
    """Lists the notes of the token's user."""
    return notes.get("all", [])


@server.tool(annotations={"readOnlyHint": False, "destructiveHint": False})
def add_note(text: str) -> str:
    """Adds a note."""
    notes.setdefault("all", []).append(text)
    return f"added at {time.time():.0f}"


@server.tool(annotations={"readOnlyHint": True})
def whose_token() -> str:
    """Tells the end of the token that arrived, which is different for each user."""
    return owner()


uvicorn.run(server.http_app(), host="127.0.0.1", port=port, log_level="warning")
