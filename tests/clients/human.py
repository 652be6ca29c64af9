"""The user at the browser, for the Python clients: runs the same program as the others do."""

import asyncio
import os
import pathlib

HERE = pathlib.Path(__file__).parent
NODE = os.environ["NODE"]
CONSENTS = 0


async def authorize(url: str) -> str:
    """Signs in and consents; answers the address that the client is called back at."""
    global CONSENTS
    CONSENTS += 1
    script = (
        "import {Human} from '%s/human.mjs';const e=process.env;"
        "const h=new Human(e.DOORWARD_URL,e.HUMAN_NAME,e.HUMAN_PASSWORD,e.HUMAN_JAR);console.log(await h.authorize(process.argv[1]));" % HERE
    )
    process = await asyncio.create_subprocess_exec(NODE, "--input-type=module", "-e", script, url, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, "the user could not authorise"
    return out.decode().strip()


async def revoke(name: str) -> int:
    """Revokes the access of the connected app of this name."""
    process = await asyncio.create_subprocess_exec(NODE, str(HERE / "human.mjs"), "revoke", name, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, "the user could not revoke"
    return int(out)


def check(condition: object, what: str) -> None:
    """One step."""
    assert condition, f"failed: {what}"
    print(f"ok - {what}", flush=True)


TOOLS = ["list_connected_apps", "revoke_connected_app", "server_info", "wait", "whoami"]
