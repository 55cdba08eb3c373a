"""Tampu: a local language-model runner that is a drop-in for Ollama."""

__version__ = "0.1.0"
