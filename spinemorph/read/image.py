"""PNG, JPEG and TIFF films: their resolution is that of a screen or a print, never millimetres."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from spinemorph.errors import NotAFilm, ReadError, SpinemorphError
from spinemorph.read.limits import check_size
from spinemorph.read.quiet import quiet
from spinemorph.read.spacing import SpacingHeader, resolve_scale
from spinemorph.types import Radiograph, Source

ImageKind = Literal["png", "jpeg", "tiff"]
Pixels = NDArray[Any]

#: What an EXIF or TIFF orientation asks for: transpose first, then flip rows, flip columns.
_ORIENTATIONS: Final = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_ORIENTATION_TAG: Final = 274
#: Brightness of red, green and blue (ITU-R BT.601).
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], np.float32)


def read_image(
    path: Path, data: bytes, kind: ImageKind, *, spacing: tuple[float, float] | None = None
) -> Radiograph:
    """The film in the bytes of an image file. NotAFilm or ReadError where there is none.

    Colours become brightness, transparency becomes black. 8 bits span 0 to 255; of 16 bits as
    many are taken as the brightest pixel needs, so that 12 bits in a 16-bit file are not dark.
    """
    with quiet():
        try:
            pixels = _tiff(path, data) if kind == "tiff" else _pillow(path, data)
        except SpinemorphError:
            raise
        except Exception as error:  # decoders raise many things on damaged files
            raise ReadError(
                f"{path.name}: the {kind.upper()} file is damaged or cut off"
            ) from error
    scale = resolve_scale(SpacingHeader(), spacing)
    return Radiograph(
        pixels=_grey(path, pixels),
        source=Source(file=path.name, sha256=hashlib.sha256(data).hexdigest()),
        spacing=scale.spacing,
        aspect=scale.aspect,
        flags=scale.flags,
    )


def _pillow(path: Path, data: bytes) -> Pixels:
    """PNG and JPEG, and those TIFFs whose compression tifffile cannot undo."""
    from PIL import Image

    try:
        image = Image.open(BytesIO(data), formats=("PNG", "JPEG", "TIFF"))
    except Image.DecompressionBombError:
        raise NotAFilm(f"{path.name}: the image is too large to be a film") from None
    with image:
        check_size(path, image.height, image.width)
        if getattr(image, "n_frames", 1) > 1:
            raise NotAFilm(f"{path.name}: has several pictures; only single films are read")
        image.load()
        if image.format == "PNG" and _png_depth(data) == 16 and image.mode in ("RGB", "RGBA"):
            pixels = _deep_png(data)
        else:
            pixels = _array(image)
        orientation = image.getexif().get(_ORIENTATION_TAG, 1) if image.format != "TIFF" else 1
    return _oriented(pixels, orientation)


def _array(image: Any) -> Pixels:
    """A Pillow image as unsigned integers, (rows, columns[, channels])."""
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.dtype == np.int32:
        if pixels.min() < 0 or pixels.max() > 65535:
            raise NotAFilm("more than 16 bits per pixel")
        pixels = pixels.astype(np.uint16)
    return pixels


def _png_depth(data: bytes) -> int:
    """Bits per channel, from the IHDR chunk."""
    return data[24]


def _deep_png(data: bytes) -> Pixels:
    """16-bit colour, which Pillow would cut to 8 bits; Pillow has checked the file before."""
    import cv2

    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3:
        raise ValueError("not decoded")
    return np.asarray(decoded[..., [2, 1, 0, 3][: decoded.shape[2]]])


def _tiff(path: Path, data: bytes) -> Pixels:
    from tifffile import PHOTOMETRIC, PLANARCONFIG, TiffFile

    with TiffFile(BytesIO(data)) as file:
        if len(file.pages) == 0:
            raise ReadError(f"{path.name}: the TIFF file has no picture")
        if len(file.pages) > 1:
            raise NotAFilm(f"{path.name}: has {len(file.pages)} pages; only single films are read")
        page: Any = file.pages[0]
        check_size(path, page.imagelength, page.imagewidth)
        if page.dtype is None or page.dtype.kind not in "ub" or page.dtype.itemsize > 2:
            raise NotAFilm(
                f"{path.name}: holds {page.dtype or 'unknown'} pixels; only 8 and 16 bits "
                "per pixel are read"
            )
        try:
            pixels = page.asarray()
        except ValueError:
            # a compression that tifffile leaves to an optional package; Pillow applies
            # palettes, the sense of black and the orientation itself
            return _pillow(path, data)
        bits = page.bitspersample
        if page.photometric == PHOTOMETRIC.PALETTE:
            colours = page.colormap.T
            # eight bits are written as 16 with a low byte of zero, or repeated
            colours = colours if (colours & 0xFF).any() else (colours >> 8).astype(np.uint8)
            pixels, bits = colours[pixels], 16
        if page.photometric == PHOTOMETRIC.MINISWHITE:
            pixels = ~pixels if pixels.dtype == bool else 2**bits - 1 - pixels
        if pixels.ndim == 3 and page.planarconfig == PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.dtype == bool or bits < 8:
            pixels = (pixels.astype(np.uint16) * 255 // (2**bits - 1)).astype(np.uint8)
        return _oriented(pixels, _tiff_orientation(page))


def _tiff_orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION_TAG)
    return int(tag.value) if tag is not None else 1


def _oriented(pixels: Pixels, orientation: int) -> Pixels:
    transpose, flip_rows, flip_columns = _ORIENTATIONS.get(orientation, _ORIENTATIONS[1])
    if transpose:
        pixels = np.swapaxes(pixels, 0, 1)
    if flip_rows:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if flip_columns else pixels


def _grey(path: Path, pixels: Pixels) -> NDArray[np.float32]:
    """Brightness 0 to 1 of unsigned integers (rows, columns[, 1 to 4 channels])."""
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        raise NotAFilm(f"{path.name}: only grey and colour images of 8 and 16 bits are read")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[2]
    if not 1 <= channels <= 4:
        raise NotAFilm(
            f"{path.name}: has {channels} channels; only grey and colour images are read"
        )
    opaque = channels in (1, 3)
    colour = pixels if opaque else pixels[..., :-1]
    bits = 8 if pixels.dtype == np.uint8 else max(8, int(colour.max()).bit_length())
    grey = colour.astype(np.float32) / np.float32(2**bits - 1)
    grey = grey[..., 0] if grey.shape[2] == 1 else grey @ _LUMINANCE
    if not opaque:
        grey = grey * (pixels[..., -1].astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max))
    return np.clip(grey, 0, 1)
