"""Applying a model: `translator` to one picture or many, `folder` to files."""
