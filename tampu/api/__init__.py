"""Dialects: wire shapes to vocabulary and back. Knows nothing else."""
