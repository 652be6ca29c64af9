"""The Python SDK `mcp`, unmodified: `py_mcp.py legacy` and `py_mcp.py auto`."""

import asyncio
import os
import sys
from urllib.parse import parse_qs, urlparse

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

import human
from human import check

URL = os.environ["DOORWARD_URL"]
MODE = sys.argv[1]
NAME = f"Python SDK {MODE}"


class Memory:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def main() -> None:
    memory, pending = Memory(), {}

    async def redirect(url: str) -> None:
        pending["url"] = url

    async def callback() -> AuthorizationCodeResult:
        back = parse_qs(urlparse(await human.authorize(pending["url"])).query)
        return AuthorizationCodeResult(code=back["code"][0], state=back["state"][0], iss=back["iss"][0])

    metadata = OAuthClientMetadata(client_name=NAME, redirect_uris=["http://127.0.0.1:7903/callback"])
    auth = OAuthClientProvider(f"{URL}/mcp", metadata, memory, redirect_handler=redirect, callback_handler=callback)
    async with httpx2.AsyncClient(auth=auth, timeout=60) as http:
        async with Client(streamable_http_client(f"{URL}/mcp", http_client=http), mode=MODE) as client:
            check(memory.client.client_id.startswith("c_"), "registered by discovery from the bare URL")
            print("# revision", client.protocol_version)
            tools = (await client.list_tools()).tools
            check([tool.name for tool in tools] == human.TOOLS, "tools/list")
            check((await client.call_tool("whoami", {})).structured_content["name"] == os.environ["HUMAN_NAME"], "tools/call")
            before = memory.tokens
            await asyncio.sleep(int(os.environ["TOKEN_SECONDS"]) + 1)
            check((await client.call_tool("whoami", {})).structured_content["name"] == os.environ["HUMAN_NAME"], "a call after the token expired")
            check(memory.tokens.refresh_token != before.refresh_token and human.CONSENTS == 1, "the refresh token was rotated")
            check((await client.call_tool("revoke_connected_app", {"client_id": "c_unknown"})).is_error, "step-up to mcp:write, then the tool answers")
            check(human.CONSENTS == 2, "the user was asked for the step-up")
            check(await human.revoke(NAME) == 1, "the user revokes the access")
            await client.call_tool("whoami", {})
            check(human.CONSENTS == 3, "after that nothing works without asking again")


asyncio.run(asyncio.wait_for(main(), 120))
