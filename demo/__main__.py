"""``python -m demo``: tell what happens at two companies, then keep everything running; ``--once`` stops after it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

from demo.api import DemoError
from demo.firm.story import FirmStory
from demo.pay_runs import shown
from demo.processes import ROOT, Stage, stage
from demo.screen import Screen
from demo.site import open_site
from demo.story import Story
from demo.summary import write

SCHEDULE = {"reference": 60, "people": 15, "payroll": 15}
"""Minutes between runs while it stays up."""
Told = Story | FirmStory
STORIES: dict[str, type[Story] | type[FirmStory]] = {"I1": Story, "I4": FirmStory}
AGREED = "Rippling and Plex, and Rippling and Dynamics 365,"


def main() -> int:
    """0 when all systems agree; 1 when they do not or something failed, which is then named."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the proof")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the numbers as JSON")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    screen, proved = Screen(), False
    try:
        with stage(Path(os.environ.get("ML_DATA_DIR", ROOT / ".data")).resolve() / "demo") as here:
            told = _tell(here, screen, options.summary)
            proved = _conclude(told, screen)
            if not options.once:
                _stay(here, told.values())
    except DemoError as error:
        print(f"\nThe demonstration stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return (0 if proved else 1) if not options.once else 130
    return 0 if proved else 1


def _tell(here: Stage, screen: Screen, file: Path | None) -> dict[str, Told]:
    """The stories by their integration, in order; what came of them is in the file, also when one cannot go on."""
    told: dict[str, Told] = {}
    stopped = []
    try:
        site = open_site(here, screen)
        for name, begin in STORIES.items():
            told[name] = begin(here, site, screen)
            told[name].tell()
    except DemoError as error:
        stopped.append(str(error))
        raise
    finally:
        if file:
            write(file, {name: story.summary for name, story in told.items()}, stopped, screen.seconds)
        if complaints := here.complaints():
            print(f"\n{complaints}", file=sys.stderr)
    return told


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _conclude(told: Mapping[str, Told], screen: Screen) -> bool:
    """A row for each integration, and what is not as it should be."""
    print(flush=True)
    head = ["", "people", "in both systems", "pay runs", "journals", "on the ledger", "difference"]
    screen.table([_row(name, story) for name, story in told.items()], head)
    failures = [sentence for story in told.values() for sentence in story.summary.failures]
    if failures:
        print(f"\nNOT PROVED. {len(failures)} things are not as they should be:", flush=True)
        for sentence in failures:
            print(f"    {sentence}", flush=True)
    else:
        print(f"\nProved: {AGREED} agree on every person and every cent. {screen.seconds:.0f} seconds.", flush=True)
    return not failures


def _row(name: str, story: Told) -> list[object]:
    people, payroll = story.summary.people, story.summary.payroll
    names = ("pay_runs", "journals_posted", "ledger_total", "difference")
    return [
        f"{name} {story.title}",
        people["source_headcount"],
        people["target_headcount"],
        *(shown(payroll[one]) if "." in str(payroll[one]) else payroll[one] for one in names),
    ]


def _stay(here: Stage, told: Iterable[Told]) -> None:
    """Runs on a schedule until it is interrupted. DemoError when a process ends by itself."""
    for story in told:
        for flow, minutes in SCHEDULE.items():
            story.api.patch(f"flows/{story.setup.flows[flow]}/", {"every_minutes": minutes})
    print(
        f"\nEverything stays up; people are compared every {SCHEDULE['people']} minutes, and pay runs every "
        f"{SCHEDULE['payroll']}.",
        flush=True,
    )
    for story in told:
        access = story.access
        print(f"    {access.company}")
        print(f"    Admin    {access.address}/admin/")
        for role, login in access.logins.items():
            print(f"             {login:<34} {role}")
        print(f"             password of all: {access.password}")
        print(f"    API      {access.address}/api/v1/docs/")
        print(f"             Authorization: Api-Key {access.key}\n")
    print(f"    Logs     {here.logs}")
    print("Ctrl-C stops everything.", flush=True)
    while True:
        here.require_alive()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
