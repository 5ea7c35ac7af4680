"""Whole films: the truth agrees with itself and with the picture."""

import json

import cv2
import numpy as np
import pytest

from spinemorph.simulate.anatomy_source import load_anatomy
from spinemorph.simulate.detector import DetectorSettings
from spinemorph.simulate.display import DisplaySettings
from spinemorph.simulate.files import write_film
from spinemorph.simulate.film import SHOWN, simulate_film
from spinemorph.simulate.framing import FramingSettings, frame
from spinemorph.simulate.implants import ImplantSettings
from spinemorph.simulate.measures import true_measurements
from spinemorph.simulate.meshes import Camera, Placed
from spinemorph.simulate.pose import PoseSettings, body_targets, sample_curve, stand
from spinemorph.simulate.projection import add_bone, silhouette
from spinemorph.simulate.settings import Settings
from spinemorph.simulate.shape import ShapeSettings, shape_bones
from spinemorph.simulate.tissue import TissueSettings

SIZE = (512, 300)
FLAT = PoseSettings(roll_yaw_sd=0.0, rotated_patient=0.0, scoliosis=0.0)
CLEAN = Settings(
    pose=FLAT,
    shape=ShapeSettings(fracture=0.0, osteophyte_film=0.0),
    # nearly parallel beams: the sides of a body fall on one another
    framing=FramingSettings(ap_view=0.0, tilted=0.0, above_sacrum=0.0, source_to_object=(1e5, 1e5)),
    implants=ImplantSettings(operated=0.0),
    tissue=TissueSettings(
        gas_probability=0.0, stool_probability=0.0, limb_probability=0.0, lung_probability=0.0
    ),
    detector=DetectorSettings(scatter=(0.0, 0.0), log_photons=(6.0, 6.0), motion=0.0),
    display=DisplaySettings(
        low_pass_removed=(0.0, 0.0),
        unsharp=(0.0, 0.0),
        lower_percentile=(0.0, 0.0),
        upper_percentile=(100.0, 100.0),
        gamma=(1.0, 1.0),
        sigmoid=0.0,
        clahe=0.0,
        over_bright=0.0,
        faint=0.0,
        collimated=0.0,
        markers=0.0,
        burned_text=0.0,
    ),
)


@pytest.fixture(scope="module")
def bones():
    return load_anatomy(None)


@pytest.fixture(scope="module")
def clean_films(bones):
    return [simulate_film(bones, CLEAN, seed, SIZE) for seed in range(6)]


@pytest.fixture(scope="module")
def films(bones):
    """Films as they come: every kind of patient and processing."""
    settings = Settings(implants=ImplantSettings(operated=0.6), inverted=0.3)
    return [simulate_film(bones, settings, seed, (320, 180)) for seed in range(10)]


def whole(film, thing):
    mask = np.zeros(film.pixels.shape, np.uint8)
    mask[thing.box.slices] = thing.mask
    return mask


def polygon(shape, points):
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(np.asarray(points) * 16).astype(np.int32)], 1, shift=4)
    return canvas


def test_seed_decides_everything(bones, films):
    settings = Settings(implants=ImplantSettings(operated=0.6), inverted=0.3)
    again = simulate_film(bones, settings, 4, (320, 180))
    assert (again.pixels == films[4].pixels).all()
    assert again.truth.measurements == films[4].truth.measurements
    for one, other in zip(again.truth.bodies, films[4].truth.bodies, strict=True):
        assert (one.level, one.box) == (other.level, other.box)
        assert (one.mask == other.mask).all()
        assert np.array_equal(one.corners, other.corners, equal_nan=True)
    assert (films[5].pixels != films[4].pixels).mean() > 0.5


def test_pixels_are_what_a_viewer_shows(films):
    for film in films:
        assert film.pixels.dtype == np.float32
        assert film.pixels.shape == (320, 180)
        assert film.pixels.min() >= 0
        assert film.pixels.max() <= 1
        assert film.pixels.std() > 0.01


def test_bodies_come_downward_each_once_and_are_shown(films):
    order = ["T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]
    for film in films:
        levels = [body.level for body in film.truth.bodies]
        positions = [order.index(level) for level in levels]
        assert positions == sorted(set(positions))
        for body in film.truth.bodies:
            assert SHOWN <= body.visible <= 1
            assert body.mask.any()
            assert np.isnan(body.corners[2:]).all() == (body.level == "S1")


def test_masks_agree_with_corners(clean_films):
    count = 0
    for film in clean_films:
        for body in film.truth.bodies:
            if body.level == "S1":
                continue
            mask = whole(film, body).astype(bool)
            quad = polygon(film.pixels.shape, body.corners[[0, 1, 3, 2]]).astype(bool)
            assert (mask & quad).sum() / quad.sum() > 0.9, (film.seed, body.level)
            assert (mask & quad).sum() / (mask | quad).sum() > 0.8, (film.seed, body.level)
            count += 1
    assert count > 25


def test_bone_is_brighter_than_disc(clean_films):
    for film in clean_films:
        differences = []
        for upper, lower in zip(film.truth.bodies, film.truth.bodies[1:], strict=False):
            if lower.level == "S1":
                continue
            edge = np.array(
                [upper.corners[2], upper.corners[3], lower.corners[1], lower.corners[0]]
            )
            middle = edge.mean(axis=0)
            disc = polygon(film.pixels.shape, middle + 0.6 * (edge - middle)).astype(bool)
            inner = [
                cv2.erode(whole(film, body), np.ones((5, 5), np.uint8)).astype(bool)
                for body in (upper, lower)
            ]
            bone = np.mean([film.pixels[mask].mean() for mask in inner])
            if disc.sum() > 10:
                differences.append(bone - film.pixels[disc].mean())
        assert len(differences) >= 3
        assert np.mean(differences) > 0.005, film.seed


def test_silhouette_is_the_shadow_of_the_body(bones):
    """In front of the posterior wall, bone lies in the beam exactly where the mask is."""
    shaped = shape_bones(bones, np.full(5, 28.0), np.random.default_rng(1), ShapeSettings())
    view = Camera(
        300,
        400,
        0.25,
        1000.0,
        (5.0, 20.0),
        (180.0, 150.0),
        facing_left=False,
        tilt=0.1,
        view=np.eye(3),
    )
    for level in ("L1", "L3", "L5"):
        bone = shaped[level]
        place = Placed(level, np.eye(3), np.zeros(3), bone.corners, bone.width)
        depth = np.zeros((view.rows, view.columns), np.float32)
        none = np.zeros_like(bone.vertices)
        add_bone(view, place, bone.vertices, none, bone.faces, depth, depth.copy(), 1.0, (1.0, 1.0))
        shown, top, left = silhouette(view, place, bone)
        mask = np.zeros(depth.shape, np.uint8)
        mask[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
        x, z = view.plane_points()
        (x0, z0), (x1, z1) = bone.corners[3], bone.corners[1]
        front = x > x0 + (x1 - x0) * (z - z0) / (z1 - z0) + 3
        shadow = (depth > 0.5) & front
        inside = mask.astype(bool) & front
        assert (shadow & inside).sum() / (shadow | inside).sum() > 0.95, level
        shrunk = cv2.erode(mask, np.ones((9, 9), np.uint8)).astype(bool)
        assert (depth[shrunk] > 0.5).all(), level


def test_projected_lordosis_is_the_angle_between_the_endplates(bones):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        curve = sample_curve(rng, FLAT)
        shaped = shape_bones(bones, body_targets(curve)[0], rng, ShapeSettings())
        placed = stand(curve, shaped, rng, FLAT)
        camera, view = frame(rng, FramingSettings(ap_view=0.0), placed, SIZE)
        assert view == "lateral"
        corners = {
            level: camera.project(bone.corner_points())[:, :2] for level, bone in placed.items()
        }
        values = true_measurements(corners, camera.pixel_mm, camera.facing_left)
        found = {(name, levels): value for name, levels, value in values}
        ends = {level: placed[level].corner_points() for level in ("L1", "L4", "S1")}
        slope = {
            level: np.degrees(np.arctan2(p[1, 2] - p[0, 2], p[0, 0] - p[1, 0]))
            for level, p in ends.items()
        }  # positive: falls forward
        assert found["lumbar_lordosis", ("L1", "S1")] == pytest.approx(
            slope["S1"] - slope["L1"], abs=1e-6
        )
        assert found["lower_lordosis", ("L4", "S1")] == pytest.approx(
            slope["S1"] - slope["L4"], abs=1e-6
        )
        wall = ends["L4"][0] - ends["L4"][2]
        assert found["vertebral_height_anterior", ("L4",)] == pytest.approx(
            np.linalg.norm(wall), rel=1e-6
        )


def test_parts_of_the_curve_add_up(films):
    checked = 0
    for film in films:
        value = {(name, levels): v for name, levels, v in film.truth.measurements}
        if not value:
            continue
        order = ["L1", "L2", "L3", "L4", "L5", "S1"]
        pairs = list(zip(order, order[1:], strict=False))
        discs = [value["disc_angle", pair] for pair in pairs]
        # a segment is its disc and the wedge of both bodies; S1 counts for none
        both = [value["segmental_lordosis", pair] for pair in pairs]
        wedge, bodies = 0.0, 0.0
        for segment, disc in zip(both[::-1], discs[::-1], strict=True):
            wedge = segment - disc - wedge
            bodies += wedge
        total = sum(discs) + bodies
        assert value["lumbar_lordosis", ("L1", "S1")] == pytest.approx(total, abs=1e-6)
        checked += 1
    assert checked >= 5


def test_corners_and_spacing_give_the_measurements(films):
    for film in films:
        l1, s1 = film.truth.at("L1"), film.truth.at("S1")
        if l1 is None or s1 is None:
            continue
        a, b = l1.corners[0] - l1.corners[1], s1.corners[0] - s1.corners[1]
        angle = np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
        value = {(name, levels): v for name, levels, v in film.truth.measurements}
        assert abs(value["lumbar_lordosis", ("L1", "S1")]) == pytest.approx(angle, abs=1e-4)
        height = np.linalg.norm(l1.corners[0] - l1.corners[2]) * film.truth.spacing_mm
        assert value["vertebral_height_anterior", ("L1",)] == pytest.approx(height, rel=1e-9)


def test_facing_tells_where_the_front_lies(films):
    for film in films:
        for body in film.truth.bodies:
            forward = body.corners[0, 0] - body.corners[1, 0]
            assert (forward < 0) == (film.truth.facing == "left")


def test_film_from_the_front_has_no_bodies(bones):
    settings = Settings(framing=FramingSettings(ap_view=1.0))
    film = simulate_film(bones, settings, 1, (256, 160))
    assert film.truth.view == "ap"
    assert (film.truth.bodies, film.truth.implants, film.truth.measurements) == ((), (), ())


def test_inverted_film_is_the_negative(bones):
    plain = simulate_film(bones, Settings(), 9, (256, 160))
    dark = simulate_film(bones, Settings(inverted=1.0), 9, (256, 160))
    assert dark.truth.inverted
    assert not plain.truth.inverted
    assert dark.pixels == pytest.approx(1 - plain.pixels, abs=1e-6)


def test_written_film_is_complete(films, tmp_path):
    film = next(film for film in films if film.truth.implants and film.truth.bodies)
    write_film(film, tmp_path)
    stem = f"film_{film.seed:07d}"
    picture = cv2.imread(str(tmp_path / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
    assert picture.dtype == np.uint16
    assert picture / 65535 == pytest.approx(film.pixels, abs=1e-5)
    truth = json.loads((tmp_path / f"{stem}.json").read_text("utf-8"))
    assert (truth["rows"], truth["columns"]) == film.pixels.shape
    things = (*film.truth.bodies, *film.truth.implants)
    assert len(truth["instances"]) == len(things)
    for thing, said in zip(things, truth["instances"], strict=True):
        assert said["category"] == thing.category
        mask = cv2.imread(str(tmp_path / said["mask"]), cv2.IMREAD_UNCHANGED)
        assert (mask == 255 * whole(film, thing)).all()
    for body, said in zip(film.truth.bodies, truth["instances"], strict=False):
        for point, (name, given) in zip(body.corners, said["corners"].items(), strict=True):
            assert (given is None) == bool(np.isnan(point[0])), name
            assert given is None or given == pytest.approx(point, abs=6e-4)
    assert len(truth["measurements"]) == len(film.truth.measurements)
    written = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert len(written) == len(things)
