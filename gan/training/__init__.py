"""Training: the game (one step of both players), the loop around it, checkpoints, precision."""
