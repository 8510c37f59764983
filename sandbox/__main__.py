"""``python -m sandbox``: serve every simulator until interrupted.

Prints one JSON line with the base URL of each simulator once all of them accept connections.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from typing import Any

from sandbox.core import Simulator, serve
from sandbox.dynamics import DynamicsSimulator
from sandbox.plex import PlexSimulator
from sandbox.rippling import RipplingSimulator


async def run(ports: dict[str, int]) -> None:
    simulators: list[Simulator[Any]] = [RipplingSimulator(), PlexSimulator(), DynamicsSimulator()]
    addresses = await serve({s.name: s.app for s in simulators}, ports)
    print(json.dumps(addresses), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--rippling-port", type=int, default=0)
    parser.add_argument("--plex-port", type=int, default=0)
    parser.add_argument("--dynamics-port", type=int, default=0)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        ports = {"rippling": options.rippling_port, "plex": options.plex_port, "dynamics": options.dynamics_port}
        asyncio.run(run(ports))


if __name__ == "__main__":
    main()
