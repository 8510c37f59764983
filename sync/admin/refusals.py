"""Exceptions of domain calls whose text is the sentence to show."""

from __future__ import annotations

from sync.configuring import Paused
from sync.replay import NothingToReplay
from sync.runs import AlreadyRunning

SAYS: tuple[type[Exception], ...] = (AlreadyRunning, Paused, NothingToReplay, ValueError)
