"""Editing faces: from a photo to a latent, and from an edited latent back into the photo."""
