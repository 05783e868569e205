"""Live games in a process of their own: both players stepped by hand or continuously, and seen after every step."""
