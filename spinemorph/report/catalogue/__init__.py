"""Every word of the reports, one file a language with the same keys; the flags' English words
stand in :mod:`spinemorph.flags`. A language is a file ``<code>.json`` here.
"""

from spinemorph.report.catalogue.words import LANGUAGES, Words, load_words

__all__ = ["LANGUAGES", "Words", "load_words"]
