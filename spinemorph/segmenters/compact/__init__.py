"""The embedded model: find the column, zoom, refine every body. No torch here."""
