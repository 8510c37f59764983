"""Plex on loopback: the documents profile (OAuth2, ``/api/…``) and the connect profile (key header, ``/mdm/v1/…``)."""

from sandbox.plex.simulator import PlexSimulator

__all__ = ["PlexSimulator"]
