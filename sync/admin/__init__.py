"""Pages about what moves: dashboard, integrations, flows, mappings, runs, problems, upcoming changes, access."""

from sync.admin import account_rules, flows, integrations, mappings, people, problems, runs, upcoming

__all__ = ["account_rules", "flows", "integrations", "mappings", "people", "problems", "runs", "upcoming"]
