"""The Python SDK `mcp`, unmodified, as a service: no user, no browser."""

import asyncio
import os

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.streamable_http import streamable_http_client

from human import check

URL = os.environ["DOORWARD_URL"]


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


def providers():
    endpoint = f"{URL}/mcp"
    yield "secret", ClientCredentialsOAuthProvider(
        server_url=endpoint,
        storage=Memory(),
        client_id=os.environ["SECRET_CLIENT"],
        client_secret=os.environ["SECRET"],
        issuer=URL,
    )
    client = os.environ["KEY_CLIENT"]
    signed = SignedJWTParameters(
        issuer=client,
        subject=client,
        signing_key=os.environ["KEY"],
        signing_algorithm="ES256",
    )
    yield "key pair", PrivateKeyJWTOAuthProvider(
        server_url=endpoint,
        storage=Memory(),
        client_id=client,
        assertion_provider=signed.create_assertion_provider(),
        issuer=URL,
    )


async def main() -> None:
    for name, provider in providers():
        async with httpx2.AsyncClient(auth=provider, timeout=30) as http:
            async with Client(streamable_http_client(f"{URL}/mcp", http_client=http)) as client:
                me = await client.call_tool("whoami", {})
                check(
                    me.structured_content["name"] == os.environ["SERVICE"],
                    f"{name}: the call is the service's",
                )
                await asyncio.sleep(int(os.environ["TOKEN_SECONDS"]) + 1)
                me = await client.call_tool("whoami", {})
                check(
                    me.structured_content["name"] == os.environ["SERVICE"],
                    f"{name}: a call after the token expired",
                )


asyncio.run(main())
