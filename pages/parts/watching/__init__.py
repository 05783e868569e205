"""What the Watch page shows below the samples: forks and classes."""
