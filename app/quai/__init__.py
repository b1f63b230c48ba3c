"""Quai: ticket sales for a ferry line. README.md beside this package says what its services do."""
