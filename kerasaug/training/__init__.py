"""Training one generative model into a folder."""
