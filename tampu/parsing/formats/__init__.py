"""The output formats that published models name as their parser: one module per family, found in `registry`."""
