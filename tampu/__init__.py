"""Tampu: a local language-model runner that is a drop-in for Ollama."""

__version__ = "0.1.0"
OLLAMA_VERSION = "0.33.0"
"""The level of Ollama's API and command line that this version implements."""
