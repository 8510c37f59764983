"""The numbers of a demonstration, as ``--summary`` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OUTCOMES = {
    "created": "hired",
    "updated": "changed",
    "transferred": "moved",
    "terminated": "terminated",
    "rehired": "rehired",
    "unchanged": "right already",
    "blocked": "blocked",
    "rejected": "refused",
    "verifying": "being looked up",
    "unsent": "not sent",
    "queued": "waiting for their date",
}
"""A run's counters, in words."""


def counts(run: dict[str, Any]) -> dict[str, int]:
    """What a run counted, without zeros."""
    return {name: run[name] for name in OUTCOMES if run[name]}


@dataclass
class Summary:
    """What came of one integration. ``failures`` is a sentence for everything that is not as it should be."""

    outcomes: dict[str, int] = field(default_factory=lambda: {name: 0 for name in OUTCOMES if name != "queued"})
    runs: dict[str, dict[str, int]] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)
    payroll: dict[str, Any] = field(default_factory=lambda: {"states": {}, "difference": None})
    audit: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add_run(self, name: str, run: dict[str, Any]) -> None:
        """Count what this run did to the employees; who waits for a date is counted by every run anew."""
        self.runs[name] = counts(run)
        for outcome in self.outcomes:
            self.outcomes[outcome] += run[outcome]

    def require(self, holds: bool, sentence: str) -> None:
        """Unless it holds, the sentence is a failure."""
        if not holds:
            self.failures.append(sentence)

    def document(self) -> dict[str, Any]:
        """The integration's numbers."""
        people = {**self.people, "outcomes": self.outcomes, "runs": self.runs}
        return {"people": people, "payroll": self.payroll, "audit": self.audit}


def write(path: Path, summaries: Mapping[str, Summary], failures: Sequence[str], seconds: float) -> None:
    """The summaries by the integration's name as JSON, readable."""
    document = {
        "integrations": {name: summary.document() for name, summary in summaries.items()},
        "failures": list(failures),
        "seconds": round(seconds, 1),
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
