"""What is said when a calendar or a timing cannot be kept as it was entered. Pure."""

from __future__ import annotations


class ScheduleError(ValueError):
    """``field`` names what was entered, as in the form and the API; the text is the sentence for staff."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
