"""Reading films: a path in, a :class:`~spinemorph.types.Radiograph` out."""

from spinemorph.read.files import Skipped, find_films
from spinemorph.read.radiograph import read_radiograph

__all__ = ["Skipped", "find_films", "read_radiograph"]
