"""Lateral lumbar radiographs with exact truth (extra: ``spinemorph[simulate]``).

The folder reads as a story: :mod:`pose`, :mod:`shape`, :mod:`projection`, :mod:`tissue`,
:mod:`detector`, :mod:`display`, :mod:`film`.
"""
