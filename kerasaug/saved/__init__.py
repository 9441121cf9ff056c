"""A trained generator on disk: its folder, its SavedModel, and the images drawn from it."""
