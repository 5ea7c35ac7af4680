"""One file in, one film out."""

from __future__ import annotations

from pathlib import Path

from spinemorph.errors import NotAFilm
from spinemorph.read.dicom import read_dicom
from spinemorph.read.files import SNIFFED_BYTES, kind_of
from spinemorph.read.image import read_image
from spinemorph.read.limits import read_bytes
from spinemorph.types import Radiograph


def read_radiograph(path: Path, *, spacing: tuple[float, float] | None = None) -> Radiograph:
    """The film in a DICOM, PNG, JPEG or TIFF file, told apart by content.

    ``spacing``: size of a pixel in mm, (row, column), which wins over the header's.
    The pixels are float32 (rows, columns), 0 to 1, bone bright as far as the header tells.
    Raises NotAFilm for what is no radiograph, ReadError for what is damaged or missing,
    UsageError for an impossible ``spacing``.
    """
    path = Path(path)
    data = read_bytes(path)
    kind = kind_of(data[:SNIFFED_BYTES])
    if kind is None:
        raise NotAFilm(f"{path.name}: is not an image (neither DICOM, PNG, JPEG nor TIFF)")
    if kind == "dicom":
        return read_dicom(path, data, spacing=spacing)
    return read_image(path, data, kind, spacing=spacing)
