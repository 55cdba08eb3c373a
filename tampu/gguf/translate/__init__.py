"""Models as they are published, in the layout that the engine reads: planned from the header alone."""
