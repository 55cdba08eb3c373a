"""Which models are loaded, which leave, who waits. Policy is pure; one task owns the state."""
