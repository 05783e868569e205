"""Files that survive a crash or a flipped bit; knows nothing of runs."""
