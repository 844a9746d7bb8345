"""Edit what a StyleGAN2 makes with a sentence: StyleCLIP's three methods, masks, stacked edits with undo."""
