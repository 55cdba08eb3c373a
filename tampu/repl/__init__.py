"""The interactive session with a model."""
