"""What the Evaluate page shows: table, plots, verdicts."""
