"""The table of what was measured: floor, product, ratio, target, pass or miss."""

from __future__ import annotations

import os
import time


class Verdicts:
    """Prints a line per measure as it comes; ``missed`` says whether any target was."""

    def __init__(self) -> None:
        self.missed = False
        print(f"{'measure':<46} {'floor':>12} {'product':>12} {'ratio':>7}  {'target':<14} verdict", flush=True)

    def add(self, measure: str, floor: str, product: str, ratio: float | None, target: str, *, met: bool) -> None:
        """One measure; ``ratio`` None where there is nothing to divide."""
        self.missed |= not met
        shown = "" if ratio is None else f"{ratio:.2f}×"
        print(
            f"{measure:<46} {floor:>12} {product:>12} {shown:>7}  {target:<14} {'pass' if met else 'MISS'}", flush=True
        )

    def note(self, text: str) -> None:
        """A line of explanation."""
        print(f"  {time.strftime('%H:%M:%S')} load {os.getloadavg()[0]:.1f}  {text}", flush=True)
