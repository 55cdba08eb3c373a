"""The HTTP server: routes, handlers and middleware plugged together."""
