"""How things look on a terminal, and what is left of them in a pipe: shared by the commands and the session."""
