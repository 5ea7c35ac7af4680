"""Comparison of several models on the same images: the paper's tests and the paired ones."""
