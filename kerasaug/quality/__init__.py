"""Is a generator any good? Figures, and the classifier that measures them."""
