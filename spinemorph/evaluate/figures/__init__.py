"""Figures fit for a publication, as PNG and SVG; matplotlib is imported when one is drawn."""
