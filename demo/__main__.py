"""``python -m demo``: tell the story of Northfield, then keep everything running; ``--once`` stops after the proof."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from demo.api import DemoError
from demo.processes import ROOT, Stage, stage
from demo.screen import Screen
from demo.story import Story

SCHEDULE = {"reference": 60, "people": 15, "payroll": 15}
"""Minutes between runs while it stays up."""


def main() -> int:
    """0 when both systems agree; 1 when they do not or something failed, which is then named."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the proof")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the numbers as JSON")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    screen, proved = Screen(), False
    try:
        with stage(Path(os.environ.get("ML_DATA_DIR", ROOT / ".data")).resolve() / "demo") as here:
            story = Story(here, screen)
            try:
                story.tell()
            except DemoError as error:
                story.summary.failures.append(str(error))
                raise
            finally:
                if options.summary:
                    story.summary.write(options.summary, screen.seconds)
                if complaints := here.complaints():
                    print(f"\n{complaints}", file=sys.stderr)
            proved = _conclude(story, screen)
            if not options.once:
                _stay(here, story)
    except DemoError as error:
        print(f"\nThe demonstration stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return (0 if proved else 1) if not options.once else 130
    return 0 if proved else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _conclude(story: Story, screen: Screen) -> bool:
    failures = story.summary.failures
    if failures:
        print(f"\nNOT PROVED. {len(failures)} things are not as they should be:", flush=True)
        for sentence in failures:
            print(f"    {sentence}", flush=True)
    else:
        print(
            f"\nProved: Rippling and Plex agree on every person and every cent. {screen.seconds:.0f} seconds.",
            flush=True,
        )
    return not failures


def _stay(here: Stage, story: Story) -> None:
    """Runs on a schedule until it is interrupted. DemoError when a process ends by itself."""
    for flow, minutes in SCHEDULE.items():
        story.api.patch(f"flows/{story.setup.flows[flow]}/", {"every_minutes": minutes})
    access = story.access
    print(
        f"\nEverything stays up; people are compared every {SCHEDULE['people']} minutes, and pay runs every "
        f"{SCHEDULE['payroll']}.",
        flush=True,
    )
    print(f"    Admin    {access.address}/admin/")
    for role, login in access.logins.items():
        print(f"             {login:<34} {role}")
    print(f"             password of all: {access.password}")
    print(f"    API      {access.address}/api/v1/docs/")
    print(f"             Authorization: Api-Key {access.key}")
    print(f"    Logs     {here.logs}")
    print("Ctrl-C stops everything.", flush=True)
    while True:
        here.require_alive()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
