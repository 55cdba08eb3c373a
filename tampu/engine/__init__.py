"""The engine: one child process per loaded model. Knows paths and numbers, not names or templates."""
