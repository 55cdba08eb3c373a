"""Talks to a server."""
