"""Measurements of a numbered spine: landmarks first, then one postprocessor a module."""
