"""Who may do what: persons of a class, owners of runs, sweeps and data sets, codes, and limits."""
