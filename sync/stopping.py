"""Whether this process was asked to stop. Set by a signal, seen by whoever can lay down the work in hand."""

from __future__ import annotations

_asked = False


def request_stop(*signal: object) -> None:
    """From now on this process takes nothing new and lays down what it can. A signal handler."""
    # A plain name: an Event's lock may be held by the very thread that the signal interrupts.
    global _asked
    _asked = True


def is_stopping() -> bool:
    """True once this process was asked to stop."""
    return _asked
