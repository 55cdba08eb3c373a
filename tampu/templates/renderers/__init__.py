"""The prompt formats that published models name as their renderer: one module per family, found in `registry`."""
