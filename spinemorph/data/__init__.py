"""Annotation formats: readers and writers of contours, masks and class names."""
