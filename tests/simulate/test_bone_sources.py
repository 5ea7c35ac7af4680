"""The anatomy that ships with the package, and folders of meshes."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spinemorph.cli.simulate import simulate
from spinemorph.errors import SpinemorphError
from spinemorph.simulate.anatomy_source import load_anatomy, read_ply
from spinemorph.simulate.film import simulate_film
from spinemorph.simulate.settings import Settings

SHARED = Path(__file__).parents[2] / "../shared/anatomy"


@pytest.fixture(scope="module")
def bones():
    return load_anatomy(None)


def test_bodies_have_published_sizes(bones):
    # minimum and maximum of 87 patients: depth, height, width in mm
    for level, shapes in bones.vertebrae.items():
        for mesh in shapes:
            (sa, sp, ia, ip) = mesh.corners
            assert 29.5 < np.linalg.norm(sa - sp) < 42.0, level
            assert 29.5 < np.linalg.norm(ia - ip) < 42.0, level
            height = (np.linalg.norm(sa - ia) + np.linalg.norm(sp - ip)) / 2
            assert 23.5 < height < 32.4, level
            width = np.ptp(mesh.outlines[..., 1]) / 0.75  # outer slices at three quarters
            assert 36.0 < width < 58.8, level
            assert 0.2 < mesh.body.mean() < 0.8


def test_wedge_grows_downward(bones):
    def wedge(mesh):
        superior, inferior = mesh.corners[0] - mesh.corners[1], mesh.corners[2] - mesh.corners[3]
        return np.degrees(np.arctan2(*superior[::-1]) - np.arctan2(*inferior[::-1]))

    wedges = [wedge(bones.vertebrae[f"L{i}"][0]) for i in range(1, 6)]
    assert wedges[4] > 4  # L5 is higher in front
    assert wedges[0] < 0  # L1 is higher behind
    assert wedges == sorted(wedges)


def test_sacrum_lies_below_its_endplate(bones):
    corners = bones.sacrum.corners
    assert corners[:2, 1] == pytest.approx(0)
    assert 28 < corners[0, 0] - corners[1, 0] < 38
    assert np.isnan(corners[2:]).all()
    assert bones.sacrum.outlines.shape[0] == 7
    assert np.percentile(bones.sacrum.vertices[:, 2], 95) < 6
    # the heads of the femora lie below and in front of the sacrum
    assert bones.pelvis.vertices[:, 2].min() < -100


def test_folder_without_bones_is_one_clear_line(tmp_path):
    with pytest.raises(SpinemorphError, match="no folder visible_human_male"):
        load_anatomy(tmp_path)
    (tmp_path / "visible_human_male").mkdir()
    with pytest.raises(SpinemorphError, match=r"L1\.ply: mesh not found") as fault:
        load_anatomy(tmp_path)
    assert "\n" not in str(fault.value)


def test_command_reports_a_missing_mesh(tmp_path):
    (tmp_path / "bones" / "visible_human_male").mkdir(parents=True)
    options = ["-o", str(tmp_path / "films"), "-n", "1", "--anatomy", str(tmp_path / "bones")]
    result = CliRunner().invoke(simulate, options, standalone_mode=False)
    assert isinstance(result.exception, SpinemorphError)
    assert "L1.ply" in str(result.exception)
    assert not (tmp_path / "films").exists()


def ply(points, faces):
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    records = np.zeros(len(faces), [("count", "u1"), ("index", "<i4", 3)])
    records["count"], records["index"] = 3, faces
    return header.encode() + np.asarray(points, "<f4").tobytes() + records.tobytes()


def test_ply_is_read(tmp_path):
    points = np.random.default_rng(0).normal(0, 30, (9, 3))
    faces = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    (tmp_path / "a.ply").write_bytes(ply(points, faces))
    vertices, triangles = read_ply(tmp_path / "a.ply")
    assert vertices == pytest.approx(points, abs=1e-4)
    assert (triangles == faces).all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-5],
        lambda data: data[:-13],
        lambda data: data[:180],
        lambda data: data[:40],
        lambda _data: b"",
        lambda _data: b"solid box\n",
        lambda data: data.replace(b"binary_little_endian", b"ascii"),
        lambda data: data.replace(b"property float z", b"property quad z"),
        lambda data: data.replace(b"element vertex 9", b"element vertex x"),
    ],
)
def test_damaged_ply_names_the_file(tmp_path, damage):
    whole = ply(np.eye(9, 3), np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]]))
    (tmp_path / "a.ply").write_bytes(damage(whole))
    with pytest.raises(SpinemorphError, match=r"a\.ply"):
        read_ply(tmp_path / "a.ply")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of bone meshes is not on this machine")
def test_meshes_of_a_folder_make_films():
    anatomy = load_anatomy(SHARED)
    assert anatomy.curves is not None
    film = simulate_film(anatomy, Settings(), 3, (256, 160))
    assert film.pixels.shape == (256, 160)
    assert len(film.truth.bodies) >= 4
