"""The local door of the field service: a Unix socket in its folder, one JSON object a line, answered by one.

Only who may open the socket (the service's own user) can speak to it; nothing of it is reachable over a network.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
LONGEST_LINE = 1 << 20
SOCKET = "field.sock"


async def open_door(folder: Path, handle: Handler) -> asyncio.Server:
    """Listen in `folder`; what a killed process left there is put away."""
    path = folder / SOCKET
    path.unlink(missing_ok=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    answer = await handle(json.loads(line))
                except (ValueError, KeyError, TypeError) as problem:
                    answer = {"error": f"{type(problem).__name__}: {problem}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, path, limit=LONGEST_LINE)
    path.chmod(0o600)
    return server


class NotRunning(RuntimeError):
    """Nobody answers behind the door."""


async def ask_door(folder: Path, request: Mapping[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
    """One question to the running service; raises NotRunning."""
    try:
        reader, writer = await asyncio.open_unix_connection(folder / SOCKET, limit=64 * LONGEST_LINE)
    except OSError:
        raise NotRunning(f"no field service is running in {folder}; start it with: vpp field --site SITE") from None
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(timeout_s):
            line = await reader.readline()
    except (OSError, TimeoutError):
        line = b""
    finally:
        writer.close()
    if not line:
        raise NotRunning(f"the field service in {folder} does not answer within {timeout_s:g} s")
    return json.loads(line)
