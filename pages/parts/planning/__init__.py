"""What the Train and Sweeps pages ask: the settings form, the launch panel and the planning of sweeps."""
