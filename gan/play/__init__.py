"""What a live game is asked to be, and how server, worker and browser talk about it; torch-free."""
