"""spinemorph: morphometry of lateral lumbar spine radiographs."""

from spinemorph.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = ["__version__", "hookimpl"]
