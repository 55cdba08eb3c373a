"""What a model wrote, as events: thinking, text, calls of tools. No I/O."""
