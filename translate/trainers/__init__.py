"""Training: one loop for every method; a method is a file that says which player learns from which losses."""
