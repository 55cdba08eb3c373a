"""A small engine for the Go templates that models carry. Data only: no attribute access, budgets on everything."""
