"""Pages about what moves: dashboard, integrations, flows, mappings, runs, problems, upcoming changes, access."""

from sync.admin import flows, integrations, mappings, people, problems, runs, upcoming

__all__ = ["flows", "integrations", "mappings", "people", "problems", "runs", "upcoming"]
