"""Training: one step of the game between both players, the loop around it, checkpoints and precision."""
