"""Vendor simulators on loopback, written from the vendors' documentation and never from our connectors.

They are strict (what the real API refuses, they refuse) and as odd as the vendors. State is in memory.
"""
