"""What the Train page asks: the settings form and the planning of sweeps."""
