"""Before and after: what changed between the films of one patient, and what is only error.

>>> from spinemorph.compare import CompareOptions, compare_studies, write_comparison
"""

from spinemorph.compare.engine import compare_studies
from spinemorph.compare.report.files import write_comparison
from spinemorph.compare.types import Change, CompareOptions, Comparison

__all__ = ["Change", "CompareOptions", "Comparison", "compare_studies", "write_comparison"]
