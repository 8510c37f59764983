"""The public API, version 1. ``config.api`` mounts it; the modules are named for what they serve."""
