"""A simulator of Rippling's v1 and v2 APIs: people, departments and the other reference data."""

from sandbox.rippling.simulator import RipplingSimulator

__all__ = ["RipplingSimulator"]
