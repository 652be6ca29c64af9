# pip install fastmcp
from urllib.parse import urlsplit

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from pydantic import AnyHttpUrl

RESOURCE = urlsplit("{URL}")
verifier = JWTVerifier(
    jwks_uri="{JWKS}",
    issuer="{ISSUER}",
    audience="{URL}",
    algorithm="ES256",
    required_scopes=["{FIRST}"],
)
auth = RemoteAuthProvider(
    token_verifier=verifier,
    authorization_servers=[AnyHttpUrl("{ISSUER}")],
    base_url="{ORIGIN}",
    scopes_supported=[{SCOPES}],
)
mcp = FastMCP("My server", auth=auth)


@mcp.tool
def hello() -> str:
    """Says hello."""
    return "hello"


if __name__ == "__main__":
    port = RESOURCE.port or 8000
    mcp.run(transport="http", host="127.0.0.1", port=port, path=RESOURCE.path or "/")
