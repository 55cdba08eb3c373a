"""The small database beside the models folder: what a server remembers between two requests, and between two starts."""
