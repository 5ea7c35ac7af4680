"""Whatever is done to a file, reading it gives a film or a ReadError, and soon."""

import random
from io import BytesIO

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.pixels import get_encoder
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, RLELossless

from spinemorph.errors import ReadError
from spinemorph.read import find_films, read_radiograph
from spinemorph.types import Radiograph

ROUNDS = 120


def image(array, kind, **options):
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def sound(make_dicom, make_dataset, make_ramp, jpeg_lossless):
    """Small sound files of every kind; noise keeps the code streams long."""
    noise = np.random.default_rng(5).integers(0, 40, (80, 72))
    deep = (make_ramp(largest=4000) + noise).astype(np.uint16)
    flat = (deep >> 4).astype(np.uint8)

    def compressed(syntax, frame, array=deep, bits=12):
        return make_dicom(array, syntax=syntax, frame=frame, bits=bits).read_bytes()

    def encode(syntax):
        return get_encoder(syntax).encode(make_dataset(deep), index=0)

    tiff = BytesIO()
    tifffile.imwrite(tiff, deep, compression="zlib")
    return {
        "png": image(flat, "PNG"),
        "jpeg": image(flat, "JPEG"),
        "tiff": tiff.getvalue(),
        "lzw": image(flat, "TIFF", compression="tiff_lzw"),
        "native": make_dicom(deep, PixelSpacing=[0.1, 0.1], WindowCenter=2000).read_bytes(),
        "deflated": make_dicom(deep, syntax="1.2.840.10008.1.2.1.99").read_bytes(),
        "j2k": compressed(JPEG2000Lossless, encode(JPEG2000Lossless)),
        "rle": compressed(RLELossless, encode(RLELossless)),
        "baseline": compressed(JPEGBaseline8Bit, image(flat, "JPEG"), flat, 8),
        "lossless": compressed(JPEGLosslessSV1, jpeg_lossless(deep, 12, predictor=1)),
    }


KINDS = ["png", "jpeg", "tiff", "lzw", "native", "deflated", "j2k", "rle", "baseline", "lossless"]


def damaged(data, chance):
    """One of: cut off, bits flipped anywhere, bytes overwritten in the header."""
    broken = bytearray(data)
    how = chance.random()
    if how < 0.3:
        return bytes(broken[: chance.randrange(len(broken))])
    for _ in range(chance.randint(1, 10)):
        limit = len(broken) if how < 0.65 else min(len(broken), 700)
        broken[chance.randrange(limit)] ^= 1 << chance.randrange(8)
    return bytes(broken)


def outcome(path):
    """None where a film came out, the one line of the ReadError where none did."""
    try:
        radiograph = read_radiograph(path)
    except ReadError as error:
        message = str(error)
    else:
        assert isinstance(radiograph, Radiograph)
        return None
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_damage_gives_a_film_or_a_read_error(sound, kind, tmp_path, capfd):
    chance = random.Random(kind)
    path = tmp_path / "damaged"
    refused = 0
    # lossless JPEG starts a process each time
    for _ in range(ROUNDS // 4 if kind == "lossless" else ROUNDS):
        path.write_bytes(damaged(sound[kind], chance))
        find_films(tmp_path)
        refused += outcome(path) is not None
    assert refused > 0
    if kind not in ("tiff", "lzw"):  # libtiff writes to the terminal itself
        assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_sound_files_are_sound(sound, kind, tmp_path):
    path = tmp_path / "sound"
    path.write_bytes(sound[kind])
    assert read_radiograph(path).pixels.shape == (80, 72)


def test_a_decoder_that_crashes_is_an_error_of_the_file(sound, tmp_path, monkeypatch):
    crash = tmp_path / "crash.py"
    crash.write_text("import os; os.abort()")
    monkeypatch.setattr("spinemorph.read.lossless._PROGRAM", crash)
    path = tmp_path / "film"
    path.write_bytes(sound["lossless"])
    with pytest.raises(ReadError, match="film: the pixel data is damaged"):
        read_radiograph(path)


def test_a_decoder_that_hangs_is_an_error_of_the_file(sound, tmp_path, monkeypatch):
    hang = tmp_path / "hang.py"
    hang.write_text("import time; time.sleep(60)")
    monkeypatch.setattr("spinemorph.read.lossless._PROGRAM", hang)
    monkeypatch.setattr("spinemorph.read.lossless.TIMEOUT_S", 0.5)
    path = tmp_path / "film"
    path.write_bytes(sound["lossless"])
    with pytest.raises(ReadError, match="film: the pixel data is damaged"):
        read_radiograph(path)


def test_headers_of_nothing_but_noise(tmp_path):
    chance = random.Random(3)
    path = tmp_path / "noise"
    for start in (b"\0" * 128 + b"DICM", b"II*\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b""):
        for _ in range(20):
            path.write_bytes(start + chance.randbytes(chance.randrange(3000)))
            with pytest.raises(ReadError):
                read_radiograph(path)


def test_every_attribute_may_be_junk(make_dicom, tmp_path):
    sound = pydicom.dcmread(
        make_dicom(
            PixelSpacing=[0.1, 0.1],
            WindowCenter=2000,
            WindowWidth=4000,
            RescaleSlope=1,
            RescaleIntercept=0,
            PatientName="Test",
            StudyDate="20240101",
            NumberOfFrames=1,
        )
    )
    keywords = [element.keyword for element in sound]
    path = tmp_path / "junk"
    for keyword in keywords:
        for junk in (b"", b"\xff\xfe", b"\\\\\\\\", b"1e400 ", b"x" * 40):
            dataset = pydicom.dcmread(tmp_path / "film.dcm")
            element = dataset[keyword]
            dataset[element.tag] = pydicom.dataelem.RawDataElement(
                element.tag, element.VR, len(junk), junk, 0, False, True
            )
            pydicom.dcmwrite(path, dataset)
            outcome(path)
