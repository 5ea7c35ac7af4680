"""The networks keep the contract of layout.py, learn, and come back from the weights file."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training needs the extra 'train'")

from safetensors.torch import save_file  # noqa: E402

from spinemorph.learn.average import average  # noqa: E402
from spinemorph.learn.export import write  # noqa: E402
from spinemorph.learn.losses import focal, overlap  # noqa: E402
from spinemorph.learn.networks import Finder, Refiner  # noqa: E402
from spinemorph.learn.start import with_middles  # noqa: E402
from spinemorph.segmenters.compact import CompactSegmenter, layout  # noqa: E402
from spinemorph.types import Radiograph, Source  # noqa: E402

# The classic exporter of torch announces its end; it is what keeps the file small.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return Finder().eval(), Refiner().eval()


def test_the_finder_gives_the_maps_of_the_layout(networks):
    window = torch.zeros(2, layout.CHANNELS, layout.FINDER_ROWS, layout.FINDER_COLUMNS)
    with torch.no_grad():
        found = dict(zip(layout.FINDER_OUTPUTS, networks[0](window), strict=True))
    rows, columns = layout.FINDER_ROWS // layout.STRIDE, layout.FINDER_COLUMNS // layout.STRIDE
    assert found["centres"].shape == (2, 2, rows, columns)
    assert found["levels"].shape == (2, len(layout.LEVEL_CLASSES), rows, columns)
    assert found["offsets"].shape == (2, 8, rows, columns)
    fine = (
        layout.FINDER_ROWS // layout.IMPLANT_STRIDE,
        layout.FINDER_COLUMNS // layout.IMPLANT_STRIDE,
    )
    assert found["implants"].shape == (2, len(layout.IMPLANTS), *fine)
    assert found["film"].shape == (2, len(layout.FILM_OUTPUTS))


def test_the_refiner_gives_the_maps_of_the_layout(networks):
    crop = torch.zeros(3, layout.CHANNELS, layout.CROP, layout.CROP)
    with torch.no_grad():
        found = dict(zip(layout.REFINER_OUTPUTS, networks[1](crop), strict=True))
    side = layout.CROP // layout.CROP_STRIDE
    assert found["corners"].shape == (3, layout.POINTS, side, side)
    assert found["masks"].shape == (3, 2, side, side)
    assert found["validity"].shape == (3, 2)


def test_weights_without_middles_get_maps_that_say_nothing():
    weight = np.arange(8 * 3, dtype=np.float32).reshape(8, 3, 1, 1)
    grown, bias = with_middles(weight, np.arange(8, dtype=np.float32))
    assert grown.shape == (layout.POINTS + 2, 3, 1, 1)
    assert (grown[:6] == weight[:6]).all()
    assert not grown[6:9].any()
    assert (grown[9:] == weight[6:]).all()
    assert bias.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 0, 6, 7]
    same, _ = with_middles(grown, bias)
    assert same is grown


def test_focal_loss_is_least_where_the_peaks_are():
    heat = torch.zeros(1, 1, 9, 9)
    heat[0, 0, 4, 4] = 1
    weight = torch.ones_like(heat)
    right, shifted = torch.full_like(heat, -6.0), torch.full_like(heat, -6.0)
    right[0, 0, 4, 4] = shifted[0, 0, 2, 7] = 6.0
    unsure = torch.zeros_like(heat)
    assert focal(right, heat, weight) < 0.1 * focal(unsure, heat, weight)
    assert focal(right, heat, weight) < 0.1 * focal(shifted, heat, weight)
    assert focal(shifted, heat, 0 * weight) == 0


def test_overlap_loss_is_least_for_the_mask_itself():
    target = torch.zeros(1, 2, 8, 8)
    target[0, 0, 2:6, 2:6] = 1
    right = 12 * (target - 0.5)
    assert overlap(right, target) < 0.05
    assert overlap(-right, target) > 1


def test_a_network_learns_one_picture(networks):
    """A few steps on one crop: gradients reach the first layer and the loss falls."""
    torch.manual_seed(1)
    refiner = Refiner()
    crop = torch.randn(1, layout.CHANNELS, layout.CROP, layout.CROP)
    side = layout.CROP // layout.CROP_STRIDE
    target = torch.zeros(1, 2, side, side)
    target[:, :, 15:40, 12:44] = 1
    optimizer = torch.optim.AdamW(refiner.parameters(), lr=3e-3)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        masks = dict(zip(layout.REFINER_OUTPUTS, refiner(crop), strict=True))["masks"]
        loss = overlap(masks, target)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    first = next(refiner.parameters())
    assert first.grad is not None
    assert float(first.grad.abs().sum()) > 0
    assert losses[-1] < 0.9 * losses[0]


def test_exported_weights_run_without_torch_and_say_the_same(networks, tmp_path):
    for name, network in zip(("finder", "refiner"), networks, strict=True):
        (tmp_path / name).mkdir()
        save_file(network.state_dict(), tmp_path / name / "weights.safetensors")
        state = {"steps": 7, "batch": 2, "elapsed": 1.4}
        (tmp_path / name / "state.json").write_text(json.dumps(state))
    files = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for file in files:
        write(tmp_path / "finder", tmp_path / "refiner", file, {"corner_variance": 2.0})
    assert files[0].read_bytes() == files[1].read_bytes()
    # a weights file in place of a run gives the network that it holds
    write(files[0], tmp_path / "refiner", files[1], {"corner_variance": 2.0})
    assert files[0].read_bytes() == files[1].read_bytes()

    segmenter = CompactSegmenter(files[0], "cpu")
    assert segmenter.networks.facts["corner_variance"] == 2.0
    assert segmenter.networks.facts["finder.onnx"]["steps"] == 7
    crops = np.random.default_rng(0).standard_normal((3, layout.CHANNELS, layout.CROP, layout.CROP))
    crops = crops.astype(np.float32)
    ours = segmenter.networks.refine(crops)
    with torch.no_grad():
        theirs = dict(
            zip(layout.REFINER_OUTPUTS, networks[1](torch.from_numpy(crops)), strict=True)
        )
    for name, values in ours.items():
        scale = max(float(theirs[name].abs().max()), 1.0)
        assert np.abs(values - theirs[name].numpy()).max() < 0.02 * scale
    film = Radiograph(np.zeros((200, 150), np.float32), Source("blank.png", "0" * 64))
    segmenter.segment(film)


def test_the_mean_of_two_files_lies_between_them(networks, tmp_path):
    files = []
    for number, shift in enumerate((0.0, 0.25)):
        folder = tmp_path / str(number)
        for name, network in zip(("finder", "refiner"), networks, strict=True):
            (folder / name).mkdir(parents=True)
            torch.manual_seed(3)
            state = {  # equal biases, as new networks have, would be stored once for all layers
                k: v + 1e-3 * torch.rand_like(v) if v.is_floating_point() else v
                for k, v in network.state_dict().items()
            }
            if name == "refiner":
                state["maps.bias"] += shift
            save_file(state, folder / name / "weights.safetensors")
            facts = {"steps": number, "batch": 2, "elapsed": 1.4}
            (folder / name / "state.json").write_text(json.dumps(facts))
        files.append(tmp_path / f"{number}.zip")
        write(folder / "finder", folder / "refiner", files[-1], {"corner_variance": 2.0})
    average(files[0], files[1], tmp_path / "mean.zip", 0.4)
    crops = np.random.default_rng(0).standard_normal((2, layout.CHANNELS, layout.CROP, layout.CROP))
    crops = crops.astype(np.float32)
    one, other, mean = (
        CompactSegmenter(file, "cpu").networks for file in (*files, tmp_path / "mean.zip")
    )
    assert mean.facts["averaged"]["old"] == one.sha256
    assert mean.facts["averaged"]["new"] == other.sha256
    for name in ("corners", "masks"):
        wanted = 0.4 * one.refine(crops)[name] + 0.6 * other.refine(crops)[name]
        assert np.abs(mean.refine(crops)[name] - wanted).max() < 0.01
