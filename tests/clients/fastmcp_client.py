"""`fastmcp`, unmodified: nothing but the URL and `auth="oauth"`. It opens the browser by Python's `webbrowser`, which is the user here."""

import asyncio
import os
import pathlib
import stat
import tempfile

OPENED = pathlib.Path(tempfile.mkdtemp()) / "opened"
OPENER = OPENED.parent / "browser"
OPENER.write_text(f'#!/bin/sh\necho "$1" >> {OPENED}\nexec {os.environ["NODE"]} {pathlib.Path(__file__).parent}/human.mjs authorize "$1"\n')
OPENER.chmod(OPENER.stat().st_mode | stat.S_IXUSR)
os.environ["BROWSER"] = f"{OPENER} %s &"
os.environ["HOME"] = str(OPENED.parent)

from fastmcp import Client  # noqa: E402  the variables above must be set before
from fastmcp.client.auth import OAuth  # noqa: E402

import human  # noqa: E402
from human import check  # noqa: E402

URL = os.environ["DOORWARD_URL"]
NAME = "FastMCP client"


def opened() -> int:
    return len(OPENED.read_text().splitlines()) if OPENED.exists() else 0


async def main() -> None:
    auth = OAuth(client_name=NAME)
    async with Client(f"{URL}/mcp", auth=auth) as client:
        check(opened() == 1, "registered and authorised by discovery from the bare URL")
        check([tool.name for tool in await client.list_tools()] == human.TOOLS, "tools/list")
        me = await client.call_tool("whoami", {})
        check(me.structured_content["name"] == os.environ["HUMAN_NAME"], "tools/call")
        await asyncio.sleep(int(os.environ["TOKEN_SECONDS"]) + 1)
        me = await client.call_tool("whoami", {})
        check(me.structured_content["name"] == os.environ["HUMAN_NAME"] and opened() == 1, "a call after the token expired, without asking")
        refused = await client.call_tool("revoke_connected_app", {"client_id": "c_unknown"}, raise_on_error=False)
        check(refused.is_error and opened() == 2, "step-up to mcp:write, then the tool answers")
        check(await human.revoke(NAME) == 1, "the user revokes the access")
        await client.call_tool("whoami", {})
        check(opened() == 3, "after that nothing works without asking again")


asyncio.run(asyncio.wait_for(main(), 120))
