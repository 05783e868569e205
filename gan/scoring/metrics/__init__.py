"""Pure measurements of features and images, one subject per file."""
