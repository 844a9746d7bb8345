"""Pure functions of tensors: how far a translation is from the truth. No files, no networks, no printing."""
