"""Where a name can come from besides a registry."""
