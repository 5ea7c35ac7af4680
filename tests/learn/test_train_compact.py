"""A few steps of training, taken up again, exported and run by onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from spinemorph.learn.crops import crop_samples
from spinemorph.learn.export import main as export
from spinemorph.learn.losses import finder_loss, focal, refiner_loss
from spinemorph.learn.networks import Finder, Refiner
from spinemorph.learn.pool import films_in, load
from spinemorph.learn.samples import finder_sample
from spinemorph.learn.train_compact import Training, TrainSettings, main
from spinemorph.segmenters.compact import layout
from spinemorph.segmenters.compact.weights import load as load_weights


def _batch(network: str, pool: Path) -> list[torch.Tensor]:
    rng = np.random.default_rng(3)
    films = [load(path) for path in films_in(pool)]
    if network == "finder":
        samples = [finder_sample(film, rng).arrays() for film in films[:2]]
    else:
        samples = [sample.arrays() for film in films for sample in crop_samples(film, rng)][:6]
    return [torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True)]


@pytest.mark.parametrize("network", ["finder", "refiner"])
def test_loss_falls_on_one_batch(network: str, pool: Path, tmp_path: Path) -> None:
    settings = TrainSettings(network, pool, tmp_path / network, minutes=1, batch=2, rate=2e-3)
    training = Training(settings)
    training.network.train()
    training.steps = 300  # past the warm-up
    batch = _batch(network, pool)
    totals = [sum(training.step(batch).values()) for _ in range(14)]
    assert np.isfinite(totals).all()
    assert np.mean(totals[-3:]) < 0.9 * np.mean(totals[:3])


def test_perfect_answers_have_next_to_no_loss(pool: Path) -> None:
    batch = _batch("finder", pool)
    heat = batch[1]
    right = torch.where(heat >= 1, 12.0, -12.0)
    assert focal(right, heat, batch[2]) < 0.05
    assert focal(-right, heat, batch[2]) > 10


def test_losses_name_their_parts(pool: Path) -> None:
    finder, refiner = _batch("finder", pool), _batch("refiner", pool)
    parts = finder_loss(Finder().eval()(finder[0]), finder[1:])
    assert set(parts) == {"centres", "levels", "offsets", "masks", "implants", "film"}
    parts = refiner_loss(Refiner().eval()(refiner[0]), refiner[1:])
    assert set(parts) == {"corners", "distance", "masks", "validity"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the exporter's own, of torch
def test_a_run_is_taken_up_and_exported(pool: Path, tmp_path: Path) -> None:
    for network in ("finder", "refiner"):
        run = tmp_path / network
        call = [network, "--pool", str(pool), "--run", str(run), "--batch", "2"]
        assert main([*call, "--minutes", "0.01"]) == 0
        first = json.loads((run / "state.json").read_text())
        assert first["steps"] >= 1
        assert main([*call, "--minutes", "0.02"]) == 0
        again = json.loads((run / "state.json").read_text())
        assert again["steps"] > first["steps"]
        assert again["elapsed"] > first["elapsed"]
    target = tmp_path / "weights.zip"
    export(
        ["--finder", str(tmp_path / "finder"), "--refiner", str(tmp_path / "refiner")]
        + ["-o", str(target), "--corner-variance", "0.5"]
    )
    networks = load_weights(target, "cpu")
    assert networks.facts["corner_variance"] == 0.5
    _same_answers(networks, tmp_path)


def _same_answers(networks: object, tmp_path: Path) -> None:
    """Torch and onnxruntime agree up to the half precision that the file keeps."""
    from safetensors.torch import load_file

    image = np.random.default_rng(0).normal(size=(1, 2, layout.CROP, layout.CROP))
    image = image.astype(np.float32)
    refiner = Refiner()
    refiner.load_state_dict(load_file(tmp_path / "refiner" / "weights.safetensors"))
    with torch.no_grad():
        expected = refiner.eval()(torch.from_numpy(image))
    found = networks.refine(image)  # type: ignore[attr-defined]
    for name, value in zip(layout.REFINER_OUTPUTS, expected, strict=True):
        assert np.abs(found[name] - value.numpy()).max() < 0.05 * (1 + np.abs(value.numpy()).max())


def test_training_goes_on_from_a_weights_file(pool: Path, tmp_path: Path) -> None:
    """The shipped weights, unfolded for training, compute what the file computes."""
    from importlib import resources

    from spinemorph.learn.start import start_from

    shipped = resources.files("spinemorph.segmenters.compact") / "compact.zip"
    with resources.as_file(shipped) as file:
        networks = load_weights(file, "cpu")
        for name, network, run in (
            ("finder", Finder(), networks.find),
            ("refiner", Refiner(), networks.refine),
        ):
            image = _batch(name, pool)[0]
            start_from(network, file, [image])
            expected = list(run(image.numpy()).values())
            with torch.no_grad():
                again = network.eval()(image)
                trained = network.train()(image)
            for want, have in zip(expected, again, strict=True):
                assert np.allclose(want, have.numpy(), atol=1e-3)
            # batch statistics are those that the norms were unfolded with
            assert (
                np.abs(expected[0] - trained[0].numpy()).mean() < 0.1 * np.abs(expected[0]).mean()
            )
        settings = TrainSettings("refiner", pool, tmp_path / "run", 1, 2, 1e-3, start=file)
        with pytest.raises(ValueError, match="layer"):
            start_from(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3)), file, [image])
        training = Training(settings)
    assert training.steps == 0
    moved = training.network.state_dict()
    fresh = Refiner().state_dict()
    assert any(not torch.equal(moved[key], fresh[key]) for key in moved)
