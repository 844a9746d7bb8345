"""What the players learn from: one paper a file; small frozen objects that return weighted, named tensors."""
