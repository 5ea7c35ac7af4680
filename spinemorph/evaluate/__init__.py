"""Predictions against references: metrics, recognition, statistics and agreement between readers."""
