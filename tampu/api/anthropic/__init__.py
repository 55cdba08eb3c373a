"""Anthropic's API: decode a request, encode answers, events and errors. Pure."""
