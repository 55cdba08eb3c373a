"""Prompts: which path renders one, Go templates, and dropping old messages until it fits."""
