"""Pixels of DICOM files in every transfer syntax, and what the header does to them."""

import struct
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import get_encoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from spinemorph.errors import ReadError
from spinemorph.read import read_radiograph

FULL = {"WindowCenter": 2048, "WindowWidth": 4096}
NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def as_grey(array, largest=4095):
    return array.astype(np.float64) / largest


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.name)
def test_uncompressed_pixels_come_back_exactly(make_dicom, film, syntax):
    radiograph = read_radiograph(make_dicom(syntax=syntax, **FULL))
    assert radiograph.pixels == pytest.approx(as_grey(film), abs=1e-6)
    assert not radiograph.pixels.flags.writeable


def encoded(array, syntax, bits, make_dataset, jpeg_lossless, **tags):
    if syntax in (JPEGLosslessSV1, pydicom.uid.JPEGLossless):
        return jpeg_lossless(array, bits, predictor=1 if syntax == JPEGLosslessSV1 else 2)
    dataset = make_dataset(array, bits=bits, **tags)
    options = {"jls_error": 2} if syntax == pydicom.uid.JPEGLSNearLossless else {}
    if syntax == pydicom.uid.JPEG2000:
        options = {"j2k_psnr": [90]}
    return get_encoder(syntax).encode(dataset, index=0, **options)


LOSSLESS = [
    pydicom.uid.JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
]


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_lossless_compression_comes_back_exactly(
    make_dicom, make_dataset, jpeg_lossless, make_ramp, syntax, bits
):
    array = make_ramp(largest=2**bits - 1).astype(np.uint8 if bits == 8 else np.uint16)
    frame = encoded(array, syntax, bits, make_dataset, jpeg_lossless)
    path = make_dicom(
        array,
        syntax=syntax,
        frame=frame,
        bits=bits,
        WindowCenter=2 ** (bits - 1),
        WindowWidth=2**bits,
    )
    pixels = read_radiograph(path).pixels
    assert pixels == pytest.approx(as_grey(array, 2**bits - 1), abs=1e-6)


@pytest.mark.parametrize(
    "syntax", [pydicom.uid.JPEGLSNearLossless, pydicom.uid.JPEG2000], ids=lambda uid: uid.name
)
def test_lossy_compression_comes_back_nearly(make_dicom, make_dataset, jpeg_lossless, film, syntax):
    frame = encoded(film, syntax, 12, make_dataset, jpeg_lossless)
    pixels = read_radiograph(make_dicom(film, syntax=syntax, frame=frame, **FULL)).pixels
    assert pixels == pytest.approx(as_grey(film), abs=5e-3)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit], ids=lambda uid: uid.name)
def test_jpeg_of_8_bits(make_dicom, make_ramp, syntax):
    array = make_ramp(largest=255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=98)
    path = make_dicom(
        array,
        syntax=syntax,
        frame=buffer.getvalue(),
        bits=8,
        WindowCenter=128,
        WindowWidth=256,
    )
    assert read_radiograph(path).pixels == pytest.approx(as_grey(array, 255), abs=0.02)


def test_12_bit_jpeg_extended_names_the_optional_decoder(make_dicom, film):
    frame = (
        b"\xff\xd8\xff\xc1" + struct.pack(">HBHHB", 11, 12, *film.shape, 1) + b"\1\x11\0\xff\xd9"
    )
    with pytest.raises(ReadError, match="pip install pylibjpeg-libjpeg"):
        read_radiograph(make_dicom(film, syntax=JPEGExtended12Bit, frame=frame))


def test_signed_values_and_compression_of_them(make_dicom, make_dataset, jpeg_lossless, film):
    signed = film.astype(np.int16) - 2048
    window = {"WindowCenter": 0, "WindowWidth": 4096}
    native = read_radiograph(make_dicom(signed, signed=True, **window))
    assert native.pixels == pytest.approx(as_grey(film), abs=1e-6)
    for syntax in (JPEG2000Lossless, RLELossless, JPEGLSLossless):
        frame = encoded(signed, syntax, 12, make_dataset, jpeg_lossless, PixelRepresentation=1)
        path = make_dicom(signed, syntax=syntax, frame=frame, signed=True, **window)
        assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=1e-6)


def test_overlay_bits_are_masked(make_dicom, film):
    drawn = film.copy()
    drawn[10:20] |= 0x8000
    assert read_radiograph(make_dicom(drawn, **FULL)).pixels == pytest.approx(
        as_grey(film), abs=1e-6
    )


@pytest.mark.parametrize("syntax", NATIVE[1:3], ids=lambda uid: uid.name)
def test_values_in_the_upper_bits_are_shifted_down(make_dicom, film, syntax):
    path = make_dicom((film << 4) | 0x5, syntax=syntax, HighBit=15, **FULL)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=1e-6)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_bone_is_bright_after_reading(make_dicom, film, photometric, shape, inverted):
    tags = {"PhotometricInterpretation": photometric, **FULL}
    if shape:
        tags["PresentationLUTShape"] = shape
    pixels = read_radiograph(make_dicom(**tags)).pixels
    assert pixels == pytest.approx(1 - as_grey(film) if inverted else as_grey(film), abs=1e-6)


def test_rescale_comes_before_the_window(make_dicom, film):
    path = make_dicom(RescaleSlope=0.5, RescaleIntercept=-100, WindowCenter=924, WindowWidth=2048.5)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=2e-3)


@pytest.mark.parametrize("width", ["0", "-5", "nan", "junk"])
def test_a_damaged_window_is_ignored(make_dicom, film, width):
    path = make_dicom(WindowCenter=2048, WindowWidth="4096")
    data = path.read_bytes()
    old = b"\x28\x00\x51\x10DS\x04\x004096"
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, old[:-4] + width.ljust(4).encode()))
    assert read_radiograph(path).pixels == pytest.approx(as_grey(film), abs=5e-3)


def lut(entries, first=0, bits=12):
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = np.asarray(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def test_voi_and_modality_tables(make_dicom, film):
    curve = (np.linspace(0, 1, 4096) ** 2 * 4095).round().astype(int)
    pixels = read_radiograph(make_dicom(VOILUTSequence=lut(curve))).pixels
    assert pixels == pytest.approx(as_grey(curve[film]), abs=1e-6)
    pixels = read_radiograph(make_dicom(ModalityLUTSequence=lut(curve), **FULL)).pixels
    assert pixels == pytest.approx(as_grey(curve[film]), abs=1e-6)


def test_a_damaged_table_is_passed_over(make_dicom, film):
    sequence = lut(range(4096))
    sequence[0].LUTData = b"\0\0"
    pixels = read_radiograph(make_dicom(VOILUTSequence=sequence, **FULL)).pixels
    assert pixels == pytest.approx(as_grey(film), abs=1e-6)


def test_pixel_padding_is_black(make_dicom, film):
    padded = film.copy()
    padded[:, :5] = 4095
    path = make_dicom(
        padded, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=4095, **FULL
    )
    pixels = read_radiograph(path).pixels
    assert pixels[:, :5].max() == 0
    assert pixels[:-1, 5:] == pytest.approx(1 - as_grey(film)[:-1, 5:], abs=1e-6)


def test_colour_captures_become_brightness(make_dicom, make_ramp):
    grey = make_ramp(largest=255).astype(np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    capture = {"bits": 8, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "OT"}
    pixels = read_radiograph(make_dicom(rgb, **capture)).pixels
    assert pixels == pytest.approx(as_grey(grey, 255), abs=1e-3)
    ybr = np.stack([grey, np.full_like(grey, 128), np.full_like(grey, 128)], axis=2)
    path = make_dicom(ybr, PhotometricInterpretation="YBR_FULL", **capture)
    assert read_radiograph(path).pixels == pytest.approx(as_grey(grey, 255), abs=1e-2)


def test_palette_captures_become_brightness(make_dicom, make_ramp):
    index = make_ramp(largest=255).astype(np.uint8)
    table = (np.arange(256)[::-1] * 257).astype("<u2")
    tags = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    pixels = read_radiograph(make_dicom(index, bits=8, **tags)).pixels
    assert pixels == pytest.approx(1 - as_grey(index, 255), abs=1e-3)
    del tags["RedPaletteColorLookupTableData"]
    with pytest.raises(ReadError, match="colours"):
        read_radiograph(make_dicom(index, bits=8, **tags))


def test_files_without_a_preamble_are_read(make_dicom, film):
    path = make_dicom(syntax=ImplicitVRLittleEndian, **FULL)
    dataset = pydicom.dcmread(path)
    bare = path.with_name("bare")
    del dataset.file_meta
    pydicom.dcmwrite(bare, dataset, implicit_vr=True, little_endian=True)
    bare.write_bytes(bare.read_bytes().removeprefix(b"\0" * 128 + b"DICM"))
    assert read_radiograph(bare).pixels == pytest.approx(as_grey(film), abs=1e-6)


def test_a_code_stream_of_another_size_is_not_decoded(
    make_dicom, make_dataset, jpeg_lossless, film, make_ramp
):
    frame = encoded(make_ramp(200, 300), JPEG2000Lossless, 12, make_dataset, jpeg_lossless)
    with pytest.raises(ReadError, match="200 x 300"):
        read_radiograph(make_dicom(film, syntax=JPEG2000Lossless, frame=frame))
