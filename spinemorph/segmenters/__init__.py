"""Segmenters that ship with the package."""
