"""Numbering: the sacrum first, then bottom up, with the evidence for and against kept in view."""

from spinemorph.label.sacrum_first import SacrumFirstLabeler

__all__ = ["SacrumFirstLabeler"]
