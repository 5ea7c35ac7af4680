import os
import shutil

import numpy as np
import pytest
from PIL import Image

from spinemorph.errors import ReadError
from spinemorph.read import find_films, read_radiograph
from spinemorph.read.files import kind_of


@pytest.fixture
def png(tmp_path_factory):
    path = tmp_path_factory.mktemp("png") / "film.png"
    Image.fromarray(np.zeros((80, 80), np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path, png, make_dicom):
    root = tmp_path / "films"
    for part in ("b/deep", "a", ".hidden", "results"):
        (root / part).mkdir(parents=True)
    make_dicom(Modality="DX").rename(root / "b/deep/IM000001")
    make_dicom(Modality="CT").rename(root / "b/slice.dcm")
    make_dicom(SOPClassUID="1.2.840.10008.1.3.10").rename(root / "DICOMDIR")
    for name in ("a/film.jpg", ".hidden/film.png", "a/._film.png", "results/overlay.png"):
        shutil.copy(png, root / name)
    (root / "results/study.json").write_text("{}")
    (root / "a/notes.png").write_text("not an image at all")
    (root / "a/empty.dcm").touch()
    return root


def names(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_folder_is_searched_by_content(folder):
    films, skipped = find_films(folder)
    assert names(folder, films) == ["a/film.jpg", "b/deep/IM000001"]
    reasons = {path.relative_to(folder).as_posix(): why for path, why in map(vars_of, skipped)}
    assert list(reasons) == sorted(reasons)
    assert "DICOMDIR" in reasons.pop("DICOMDIR")
    assert "modality is CT" in reasons.pop("b/slice.dcm")
    assert "zero bytes" in reasons.pop("a/empty.dcm")
    assert "not an image" in reasons.pop("a/notes.png")
    assert "a result" in reasons.pop("results/overlay.png")
    assert "not an image" in reasons.pop("results/study.json")
    assert not reasons
    for film in films:
        assert read_radiograph(film).rows == 80


def vars_of(skipped):
    return skipped.path, skipped.reason


def test_globs(folder):
    films, skipped = find_films(f"{folder}/a/*")
    assert names(folder, films) == ["a/film.jpg"]
    assert len(skipped) == 2
    assert find_films(f"{folder}/**")[0] == find_films(folder)[0]
    with pytest.raises(ReadError, match="no file matches"):
        find_films(f"{folder}/*.tif")


def test_a_name_with_glob_characters_is_a_name(folder, png):
    path = folder / "film [1].png"
    shutil.copy(png, path)
    assert find_films(path) == ([path], [])
    assert find_films(str(path)) == ([path], [])


def test_a_named_file_is_never_skipped(folder):
    path = folder / "a/notes.png"
    assert find_films(path) == ([path], [])


def test_nothing_there(tmp_path):
    (tmp_path / "empty/deeper").mkdir(parents=True)
    with pytest.raises(ReadError, match="empty: the folder is empty"):
        find_films(tmp_path / "empty")
    with pytest.raises(ReadError, match="no such file or folder"):
        find_films(tmp_path / "absent")


def test_loops_of_links_end(folder):
    try:
        (folder / "loop").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert len(find_films(folder)[0]) == 2


@pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="pipes with a name exist on POSIX systems only"
)
def test_a_pipe_does_not_block(folder):
    os.mkfifo(folder / "pipe")
    _, skipped = find_films(folder)
    assert any("regular file" in found.reason for found in skipped)
    with pytest.raises(ReadError, match="not a regular file"):
        read_radiograph(folder / "pipe")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_unreadable_files(folder):
    path = folder / "a/film.jpg"
    path.chmod(0)
    assert any("permission" in found.reason for found in find_films(folder)[1])
    with pytest.raises(ReadError, match="no permission"):
        read_radiograph(path)


def test_a_refusal_of_the_system_is_one_line(monkeypatch, png):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(ReadError, match=r"film\.png: no permission to read it"):
        read_radiograph(png)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"II*\0", "tiff"),
        (b"MM\0+", "tiff"),
        (b"MM\0*" + b"\0" * 124 + b"DICM", "dicom"),
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 100", "dicom"),
        (b"\x08\0\0\0\x04\0\0\0", "dicom"),
        (b"", None),
        (b"%PDF-1.7", None),
        (b"GIF89a", None),
    ],
)
def test_kinds_by_content(start, kind):
    assert kind_of(start) == kind
