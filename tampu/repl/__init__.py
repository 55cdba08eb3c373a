"""The interactive session with a model, and the parts of a terminal's screen."""
