"""Data on its way to a model: folders recognised, pairs checked, read, brought to scale and augmented."""
