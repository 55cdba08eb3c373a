"""Headers of GGUF files as values. Never trusts a length."""
