"""Weights of other projects, read without running anything they say, in the shape of ours."""
