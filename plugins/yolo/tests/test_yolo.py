"""YOLO as a family: what it learns from, what it answers, and what it leaves alone."""

import copy
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import spinemorph_yolo
from spinemorph.errors import UsageError
from spinemorph.learn.family import Target
from spinemorph.learn.settings import RunSettings, read_settings
from spinemorph.learn.weights_file import save_weights
from spinemorph.plugins import load_plugins
from spinemorph.testing import draw_phantom
from spinemorph_yolo.model import Yolo

PLUGIN = Path(__file__).parents[1]
PATH = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
STEPS = 100
PRESETS = PLUGIN / "spinemorph_yolo" / "presets"


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def family(rows=96, columns=64, backbone="yolo11n-seg", categories=("lumbar", "sacrum"), **own):
    return Yolo(
        RunSettings(
            backbone,
            rows=rows,
            columns=columns,
            categories=categories,
            family={**Yolo.options, **own},
        )
    )


def drawn(rows=96, columns=64, bodies=2, **options):
    """A phantom as a network sees it: image (1, rows, columns) and its target."""
    phantom = draw_phantom(rows, columns, bodies=bodies, **options)
    masks = torch.zeros(len(phantom.instances), rows, columns, dtype=torch.bool)
    labels, boxes = [], []
    for index, each in enumerate(phantom.instances):
        box = each.box
        masks[index, box.top : box.bottom, box.left : box.right] = torch.from_numpy(
            each.mask.copy()
        )
        labels.append(2 if each.category == "sacrum" else 1)
        boxes.append([box.left, box.top, box.right, box.bottom])
    pixels = torch.from_numpy(phantom.radiograph.pixels.copy())[None]
    return pixels, Target(masks, torch.tensor(labels), torch.tensor(boxes, dtype=torch.float32))


def empty(rows=96, columns=64):
    return Target(
        torch.zeros(0, rows, columns, dtype=torch.bool),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 4),
    )


def found_in(yolo, network, images):
    with torch.inference_mode():
        return yolo.find(network.eval(), images)


@pytest.fixture(scope="module")
def learned():
    """A network that has seen one film until it knows it."""
    torch.manual_seed(1)
    yolo = family()
    image, target = drawn()
    network = yolo.build().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, STEPS)
    for _ in range(STEPS):
        loss = sum(yolo.losses(network, image[None], [target]).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimizer.step()
        schedule.step()
    settle(network, image[None])
    return yolo, network.eval()


def settle(network, images):
    """Give the normalisations the exact means of these images: running ones lag in so few steps."""

    def note(module, inputs):
        values = inputs[0].detach()
        module.running_mean.copy_(values.mean((0, 2, 3)))
        module.running_var.copy_(values.var((0, 2, 3), unbiased=False))

    norms = [each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    hooks = [each.register_forward_pre_hook(note) for each in norms]
    with torch.no_grad():
        network.eval()(images)
    for hook in hooks:
        hook.remove()


def test_a_film_that_was_learned_is_found_body_by_body(learned):
    yolo, network = learned
    image, target = drawn()
    (found,) = found_in(yolo, network, image[None])
    assert len(found) == len(target.labels)
    for mask, label in zip(target.masks, target.labels, strict=True):
        same = [each.mask > 0.5 for each in found if each.label == int(label)]
        best = max(float((mask & each).sum() / (mask | each).sum()) for each in same)
        assert best > 0.7


def test_answers_are_probabilities_of_the_windows_size_and_the_same_twice(learned):
    yolo, network = learned
    images = torch.stack([drawn()[0], torch.rand(1, 96, 64)])
    once, again = found_in(yolo, network, images), found_in(yolo, network, images)
    assert len(once) == 2
    assert once[0]
    for first, second in zip(once[0] + once[1], again[0] + again[1], strict=True):
        assert first.mask.shape == (96, 64)
        assert first.mask.dtype == torch.float32
        assert 0 <= float(first.mask.min()) <= float(first.mask.max()) <= 1
        assert first.label in {1, 2}
        assert yolo.settings.family["score"] < first.score <= 1
        assert (first.label, first.score) == (second.label, second.score)
        assert torch.equal(first.mask, second.mask)


@pytest.fixture(scope="module")
def weights(learned, tmp_path_factory):
    """The learned network as a file that spinemorph train would write."""
    yolo, network = learned
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    manifest = {"family": "yolo", "settings": yolo.settings.to_dict(), "licence": yolo.licence}
    save_weights(path, network.state_dict(), manifest)
    return path


@pytest.fixture
def plugin():
    return load_plugins([Source()]).segmenter("yolo")


class Source:
    """Stands for the entry point, which is there where the plugin is installed."""

    name, distribution = "yolo", "spinemorph-yolo"

    def load(self):
        return spinemorph_yolo


def test_bodies_come_back_in_the_pixels_of_the_film(plugin, weights):
    """The learned film in pixels ten times as many: a window later it is the same again."""
    phantom = draw_phantom(96, 64, bodies=2)
    film = replace(phantom.radiograph, pixels=larger(phantom.radiograph.pixels), spacing=None)
    found = plugin.create(weights=weights, device="cpu").segment(film)
    assert len(found) == len(phantom.instances)
    for body in phantom.instances:
        true = larger(whole(body, (96, 64)))
        masks = [whole(each, (960, 640)) for each in found if each.category == body.category]
        assert max((true & each).sum() / (true | each).sum() for each in masks) > 0.7


def larger(pixels):
    return pixels.repeat(10, axis=0).repeat(10, axis=1)


def whole(body, shape):
    canvas = np.zeros(shape, bool)
    canvas[body.box.slices] = body.mask
    return canvas


def test_edges_of_masks_are_soft(learned):
    yolo, network = learned
    (found,) = found_in(yolo, network, drawn()[0][None])
    assert all(((each.mask > 0.1) & (each.mask < 0.9)).any() for each in found)


def test_weights_move_between_networks_by_their_names(learned, tmp_path):
    from safetensors.torch import load_file, save_file

    yolo, network = learned
    save_file(network.state_dict(), tmp_path / "yolo.safetensors")
    other = yolo.build()
    other.load_state_dict(load_file(tmp_path / "yolo.safetensors"))
    image = drawn()[0][None]
    before, after = found_in(yolo, network, image), found_in(yolo, other, image)
    assert [each.score for each in before[0]] == [each.score for each in after[0]]


def test_a_network_that_has_answered_can_be_copied_and_trained_on(learned):
    yolo, network = learned
    image, target = drawn()
    found_in(yolo, network, image[None])
    other = copy.deepcopy(network).train()
    sum(yolo.losses(other, image[None], [target]).values()).backward()
    found_in(yolo, other, torch.rand(1, 1, 128, 64))


@pytest.mark.parametrize("size", [(96, 64), (100, 70), (33, 190)])
@pytest.mark.parametrize("training", [True, False])
def test_losses_are_finite_with_bodies_without_and_mixed(size, training):
    yolo = family(*size)
    network = yolo.build().train(training)
    image, target = drawn(*size)
    for targets in ([target, target], [empty(*size), target], [empty(*size), empty(*size)]):
        with torch.set_grad_enabled(training):
            losses = yolo.losses(network, torch.stack([image, image]), targets)
        assert list(losses)[:4] == ["box", "mask", "class", "distance"]
        assert all(loss.ndim == 0 and torch.isfinite(loss) for loss in losses.values())
        if training:
            network.zero_grad()
            sum(losses.values()).backward()
            gradients = [each.grad for each in network.parameters() if each.grad is not None]
            assert gradients
            assert all(torch.isfinite(each).all() for each in gradients)


def test_the_loss_of_a_batch_of_equal_films_is_that_of_one(learned):
    yolo, network = learned
    image, target = drawn()
    with torch.no_grad():
        one = yolo.losses(network, image[None], [target])
        three = yolo.losses(network, image[None].expand(3, -1, -1, -1), [target] * 3)
    for name, loss in one.items():
        assert torch.allclose(loss, three[name], rtol=1e-3), name


def test_windows_are_filled_below_and_to_the_right(learned):
    yolo, network = learned
    image = drawn(90, 60)[0][None]
    filled = torch.nn.functional.pad(image, (0, 4, 0, 6))
    (inside,), (outside,) = found_in(yolo, network, image), found_in(yolo, network, filled)
    assert [each.score for each in inside] == [each.score for each in outside]
    assert all(
        torch.equal(one.mask, other.mask[:90, :60])
        for one, other in zip(inside, outside, strict=True)
    )


def test_overlapping_answers_of_other_categories_are_left_out(learned):
    """A body is never both a lumbar body and the sacrum."""
    _, network = learned
    image = drawn()[0][None]
    few = found_in(family(score=0.001, overlap=0.5), network, image)[0]
    many = found_in(family(score=0.001, overlap=1.0), network, image)[0]
    assert len(few) < len(many)
    assert len(found_in(family(score=0.001, most=2), network, image)[0]) == 2


def test_every_category_has_an_output():
    yolo = family(categories=("lumbar", "sacrum", "cage"))
    assert yolo.build().inner.model[-1].nc == 3


@pytest.mark.parametrize("name", ["yolo11n", "yolo26n-seg", "../yolo11n-seg", "resnet50", ""])
def test_an_unknown_backbone_is_one_line(name):
    with pytest.raises(UsageError, match="unknown backbone"):
        family(backbone=name).build()


def test_both_generations_can_be_built():
    yolo = family(backbone="yolov8n-seg")
    image, target = drawn()
    assert "mask" in yolo.losses(yolo.build().train(), image[None], [target])


def test_a_file_of_the_same_name_beside_us_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "yolo11n-seg.yaml").write_text("no architecture")
    monkeypatch.chdir(tmp_path)
    assert family().build()


@pytest.mark.parametrize("name", ["light", "full"])
def test_presets_are_settings_that_can_be_built(name):
    settings = read_settings(PRESETS / f"{name}.toml", Yolo.options)
    assert Yolo(settings).build()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
def test_the_gpu_learns_and_answers(learned):
    yolo, network = learned
    image, target = drawn()
    try:
        on_gpu = copy.deepcopy(network).to("cuda")
        losses = yolo.losses(on_gpu.train(), image[None].to("cuda"), [target.to("cuda")])
        assert all(each.is_cuda and torch.isfinite(each) for each in losses.values())
        on_gpu = copy.deepcopy(network).to("cuda")
        (found,) = found_in(yolo, on_gpu, image[None].to("cuda"))
        (expected,) = found_in(yolo, network, image[None])
        assert len(found) == len(expected)
    finally:
        network.to("cpu")


NETWORK_FORBIDDEN = """
import os, socket, sys
from pathlib import Path
asked = []

def forbid(owner, name):
    def refuse(*arguments, **options):
        asked.append((name, arguments))
        raise OSError("the network is forbidden")
    setattr(owner, name, refuse)

forbid(socket.socket, "connect")
forbid(socket.socket, "connect_ex")
forbid(socket.socket, "sendto")
for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    forbid(socket, name)

import cv2  # sets variables of its own, for windows
import numpy as np
import torch
import torchvision
before = dict(os.environ), np.get_printoptions(), torch.save
import spinemorph_yolo
assert spinemorph_yolo.spinemorph_segmenters()[0].name == "yolo"
from spinemorph.learn.family import Target
from spinemorph.learn.settings import RunSettings
from spinemorph_yolo.model import Yolo
import ultralytics

yolo = Yolo(RunSettings("yolo11n-seg", rows=64, columns=64, family=dict(Yolo.options)))
network = yolo.build()
mask = torch.zeros(1, 64, 64, dtype=torch.bool)
mask[:, 16:40, 8:48] = True
target = Target(mask, torch.tensor([1]), torch.tensor([[8.0, 16, 48, 40]]))
losses = yolo.losses(network, torch.rand(1, 1, 64, 64), [target])
sum(losses.values()).backward()
with torch.inference_mode():
    assert len(yolo.find(network.eval(), torch.rand(2, 1, 64, 64))) == 2
from ultralytics.utils import ONLINE
from ultralytics.utils.events import events
assert not ONLINE
assert not events.enabled
assert not ultralytics.settings["sync"]
assert "sentry_sdk" not in sys.modules
assert before == (dict(os.environ), np.get_printoptions(), torch.save)
assert asked == [], asked
print("quiet")
"""


def test_no_network_is_asked_and_nothing_is_left_behind(tmp_path):
    home = tmp_path / "home"
    place = tmp_path / "place"
    home.mkdir()
    place.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("YOLO_", "XDG_", "PYTEST"))
    }
    run = subprocess.run(
        [sys.executable, "-c", NETWORK_FORBIDDEN],
        env={**environment, "HOME": str(home), "TMPDIR": str(place), "PYTHONPATH": PATH},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "quiet\n", run.stderr
    assert run.returncode == 0
    left = [path for folder in (home, place) for path in folder.rglob("*") if path.is_file()]
    assert left == []


def test_the_licence_of_ultralytics_stays_with_this_distribution():
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == Yolo.licence == "AGPL-3.0-only"
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (PLUGIN / "LICENSE").read_text("utf-8")
    assert "AGPL-3.0" in (PLUGIN / "README.md").read_text("utf-8")
