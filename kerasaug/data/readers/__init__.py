"""Readers: what a user has on disk, or names, to an `ImageDataset`."""
