"""OpenAI's Responses: decode a request, encode events, documents, lists and errors. Pure."""
