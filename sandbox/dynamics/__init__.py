"""Dynamics 365 Finance & Operations on loopback: Entra's token endpoint, OData, ``$batch``, custom services."""

from sandbox.dynamics.simulator import DynamicsSimulator

__all__ = ["DynamicsSimulator"]
