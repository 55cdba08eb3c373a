"""Plain ASGI middleware, each one concern."""
