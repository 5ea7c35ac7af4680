from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from spinemorph.errors import NotAFilm, ReadError
from spinemorph.read import read_radiograph


@pytest.fixture
def write(tmp_path):
    def to(data, name="film.bin"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return to


def pillow(array, kind, **options):
    buffer = BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(array):
    return cv2.imencode(".png", array)[1].tobytes()


def tiff(array, **options):
    buffer = BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


@pytest.fixture
def eight(make_ramp):
    return make_ramp(largest=255).astype(np.uint8)


@pytest.fixture
def sixteen(make_ramp):
    return make_ramp(largest=65535)


def test_8_bits(write, eight):
    for data in (pillow(eight, "PNG"), tiff(eight), pillow(eight, "TIFF")):
        radiograph = read_radiograph(write(data))
        assert radiograph.pixels == pytest.approx(eight / 255, abs=1e-6)
        assert (radiograph.spacing, radiograph.aspect, radiograph.facing) == (None, 1, None)
        assert radiograph.flags == ("no_pixel_spacing",)
    lossy = read_radiograph(write(pillow(eight, "JPEG", quality=98))).pixels
    assert lossy == pytest.approx(eight / 255, abs=0.02)


def test_16_bits_keep_their_depth(write, sixteen):
    colour = np.repeat(sixteen[..., None], 3, axis=2)
    deep = [
        png16(sixteen),
        tiff(sixteen),
        tiff(sixteen, byteorder=">"),
        tiff(sixteen, bigtiff=True),
        tiff(sixteen, compression="zlib", predictor=True),
        pillow(sixteen, "TIFF", compression="tiff_lzw"),
        png16(colour),
        tiff(colour, photometric="rgb"),
    ]
    for data in deep:
        pixels = read_radiograph(write(data)).pixels
        assert pixels == pytest.approx(sixteen / 65535, abs=1e-6)
        assert len(np.unique(pixels)) > 5000


@pytest.mark.parametrize("compression", ["packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_compressed_tiffs(write, eight, compression):
    pixels = read_radiograph(write(pillow(eight, "TIFF", compression=compression))).pixels
    assert pixels == pytest.approx(eight / 255, abs=0.05 if compression == "jpeg" else 1e-6)


def test_12_bits_in_16_are_not_dark(write, film):
    for data in (png16(film), tiff(film)):
        assert read_radiograph(write(data)).pixels == pytest.approx(film / 4095, abs=1e-6)


def test_colour_becomes_brightness(write, eight):
    rgb = np.stack([eight, np.zeros_like(eight), eight[::-1]], axis=2)
    expected = (0.299 * rgb[..., 0] + 0.114 * rgb[..., 2]) / 255
    for data in (
        pillow(rgb, "PNG"),
        tiff(rgb, photometric="rgb"),
        tiff(rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        pillow(rgb, "TIFF", compression="tiff_lzw"),
    ):
        assert read_radiograph(write(data)).pixels == pytest.approx(expected, abs=1e-5)


def test_transparency_is_black(write, eight):
    alpha = np.full_like(eight, 255)
    alpha[:40] = 0
    expected = np.where(alpha, eight / 255, 0)
    rgba = np.dstack([eight, eight, eight, alpha])
    grey = np.dstack([eight, alpha])
    for data in (pillow(rgba, "PNG"), pillow(grey, "PNG"), png16(rgba.astype(np.uint16) * 257)):
        assert read_radiograph(write(data)).pixels == pytest.approx(expected, abs=1e-5)


def test_palettes(write, eight):
    image = Image.fromarray(eight, "L").convert("P")
    image.putpalette([255 - index // 3 for index in range(768)])
    for data in (pillow(image, "PNG"), pillow(image, "TIFF")):
        pixels = read_radiograph(write(data)).pixels
        assert pixels == pytest.approx(1 - eight / 255, abs=1e-3)


def test_black_and_white_and_white_is_zero(write, eight):
    bits = eight > 100
    black = tiff(bits, photometric="minisblack")
    for data in (pillow(bits, "PNG"), black, pillow(bits, "TIFF", compression="group4")):
        assert np.array_equal(read_radiograph(write(data)).pixels, bits.astype(np.float32))
    for data in (
        tiff(eight, photometric="miniswhite"),
        tiff(eight.astype(np.uint16) * 257, photometric="miniswhite"),
    ):
        assert read_radiograph(write(data)).pixels == pytest.approx(1 - eight / 255, abs=1e-6)
    assert np.array_equal(
        read_radiograph(write(tiff(bits, photometric="miniswhite"))).pixels, ~bits
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "LZW"])
def test_orientation_is_honoured(write, eight, orientation, kind):
    tags = Image.Exif()
    tags[274] = orientation
    if kind == "TIFF":
        data = tiff(eight, extratags=[(274, "H", 1, orientation, False)])
    elif kind == "LZW":
        data = pillow(eight, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})
    else:
        data = pillow(eight, kind, exif=tags.tobytes())
    turns = {
        1: eight,
        2: eight[:, ::-1],
        3: eight[::-1, ::-1],
        4: eight[::-1],
        5: eight.T,
        6: np.rot90(eight, -1),
        7: eight[::-1, ::-1].T,
        8: np.rot90(eight),
    }
    pixels = read_radiograph(write(data)).pixels
    assert pixels == pytest.approx(turns[orientation] / 255, abs=0.03)


def test_resolution_never_gives_millimetres(write, eight):
    for data in (
        pillow(eight, "PNG", dpi=(100, 50)),
        pillow(eight, "JPEG", dpi=(100, 50)),
        tiff(eight, resolution=(100, 50), resolutionunit="CENTIMETER"),
    ):
        radiograph = read_radiograph(write(data))
        assert radiograph.spacing is None
        assert radiograph.aspect == 1


def test_the_users_spacing(write, eight):
    radiograph = read_radiograph(write(pillow(eight, "PNG")), spacing=(0.3, 0.2))
    assert radiograph.spacing.basis == "user"
    assert radiograph.aspect == pytest.approx(1.5)
    assert radiograph.flags == ()


def test_several_pages_are_refused(write, eight):
    with pytest.raises(NotAFilm, match="2 pages"):
        read_radiograph(write(tiff(np.stack([eight, eight]), photometric="minisblack")))
    frames = [Image.fromarray(eight), Image.fromarray(255 - eight)]
    data = pillow(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(NotAFilm, match="several pictures"):
        read_radiograph(write(data))


def test_other_depths_are_refused(write, eight):
    for array in (eight.astype(np.float32), eight.astype(np.uint32), eight.astype(np.int16)):
        with pytest.raises(NotAFilm, match="8 and 16 bits"):
            read_radiograph(write(tiff(array)))


def test_limits_are_named(write):
    with pytest.raises(NotAFilm, match="64 pixels a side"):
        read_radiograph(write(pillow(np.zeros((63, 90), np.uint8), "PNG")))
    large = Image.new("1", (12000, 10000))
    with pytest.raises(NotAFilm, match="100 megapixels"):
        read_radiograph(write(pillow(large, "PNG")))
    bomb = Image.new("1", (20000, 20000))
    with pytest.raises(NotAFilm, match="too large"):
        read_radiograph(write(pillow(bomb, "PNG")))
    with pytest.raises(NotAFilm, match="100 megapixels"):
        read_radiograph(write(pillow(bomb, "TIFF", compression="group4")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_cut_files_are_refused(write, eight, kind, capfd):
    data = pillow(eight, kind)
    with pytest.raises(ReadError, match=f"the {kind} file is damaged or cut off"):
        read_radiograph(write(data[: len(data) * 2 // 3]))
    assert capfd.readouterr().err == ""


def test_a_blank_film_can_be_read(write):
    assert read_radiograph(write(pillow(np.full((90, 80), 7, np.uint8), "PNG"))).pixels.max() < 0.1


def test_what_is_no_image(write, tmp_path):
    with pytest.raises(NotAFilm, match="is not an image"):
        read_radiograph(write(b"name,value\n" * 40, "film.png"))
    with pytest.raises(NotAFilm, match="zero bytes"):
        read_radiograph(write(b""))
    with pytest.raises(ReadError, match="no such file"):
        read_radiograph(tmp_path / "absent.dcm")
    with pytest.raises(ReadError, match="is a folder"):
        read_radiograph(tmp_path)
