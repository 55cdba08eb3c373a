"""Fetching models: the registry client, downloads and other sources."""
