"""Training, weights and inference that all families share, with the smallest family there is."""

import json
import pickle
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from spinemorph.cli import main
from spinemorph.errors import SpinemorphError, UsageError, WeightsError
from spinemorph.hookspecs import SegmenterPlugin
from spinemorph.learn import trainer as trainer_module
from spinemorph.learn.dataset import open_films
from spinemorph.learn.family import Family, Found
from spinemorph.learn.films import merged
from spinemorph.learn.inference import FamilySegmenter
from spinemorph.learn.options import TrainOptions
from spinemorph.learn.run import train_family
from spinemorph.learn.settings import RunSettings, settings_from
from spinemorph.learn.trainer import Training
from spinemorph.learn.weights_file import load_weights, save_weights
from spinemorph.plugins import Plugins, Registered
from spinemorph.testing import draw_phantom


class Tiny(Family):
    """The smallest honest family: two convolutions that learn brightness, one body a class."""

    name = "tiny"
    options = MappingProxyType({"width": 6})

    def build(self):
        width = self.settings.family["width"]
        classes = len(self.settings.categories) + 1
        return nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, classes, 1)
        )

    def losses(self, network, images, targets):
        truth = torch.zeros(images[:, 0].shape, dtype=torch.long, device=images.device)
        for index, target in enumerate(targets):
            for mask, label in zip(target.masks, target.labels, strict=True):
                truth[index][mask] = label
        return {"cross_entropy": nn.functional.cross_entropy(network(images), truth)}

    def find(self, network, images):
        probabilities = network(images).softmax(dim=1)
        return [
            [
                Found(label, float(each[label].max()), each[label])
                for label in range(1, each.shape[0])
                if float(each[label].max()) > 0.5
            ]
            for each in probabilities
        ]


SETTINGS = """
backbone = "none"
rows = 96
columns = 64
batch = 3
epochs = 3
rate = 0.02
warmup = 2
average = 0.5
[family]
width = 8
"""


@pytest.fixture
def options(tmp_path):
    (tmp_path / "settings.toml").write_text(SETTINGS)
    return TrainOptions(
        tmp_path / "run", test=2, device="cpu", settings=tmp_path / "settings.toml", quiet=True
    )


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    learns = SETTINGS.replace("batch = 3", "batch = 1").replace("epochs = 3", "epochs = 12")
    learns = learns.replace("rate = 0.02", "rate = 0.1")
    (folder / "settings.toml").write_text(f"augment = 0.0\n{learns}")
    run = TrainOptions(
        folder / "run", test=2, device="cpu", settings=folder / "settings.toml", quiet=True
    )
    return train_family(Tiny, open_films(dataset), run)[0]


def test_a_run_learns_and_leaves_everything_that_a_user_needs(trained):
    assert trained.mean_iou > 0.45  # background alone gives 0.29
    folder = trained.weights.parent
    assert {path.name for path in folder.iterdir()} == {
        "curves.png", "done.json", "log.csv", "test.json", "weights.json", "weights.safetensors",
    }  # fmt: skip
    manifest = json.loads((folder / "weights.json").read_text())
    assert manifest["sha256"] == trained.sha256
    assert manifest["family"] == "tiny"
    assert manifest["settings"]["family"] == {"width": 8}
    assert len((folder / "log.csv").read_text().splitlines()) == 13
    assert len(json.loads((folder / "test.json").read_text())["images"]) == 2


def test_weights_that_begin_like_a_pickle_are_read(tmp_path):
    path, begun = tmp_path / "weights.safetensors", set()
    for length in range(0, 256, 4):  # of the header, which is filled up to a multiple of 8
        save_weights(path, {"a": torch.ones(2)}, {"family": "tiny", "note": "x" * length})
        begun.add(path.read_bytes()[:1])
        assert torch.equal(load_weights(path, "tiny").tensors["a"], torch.ones(2))
    assert b"\x80" in begun


def test_what_validation_judges_is_what_is_found_merged():
    torch.manual_seed(3)
    tiny = Tiny(settings_from({"backbone": "none"}, "test", Tiny.options))
    network, images = tiny.build(), torch.rand(2, 1, 40, 30)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=3)
    with torch.inference_mode():
        found, classes = tiny.find(network, images), tiny.classes(network, images)
    assert classes.shape == (2, 40, 30)
    assert any(found)
    for bodies, image in zip(found, classes.numpy(), strict=True):
        masks = [(each.mask >= 0.5).numpy() for each in bodies]
        assert np.array_equal(image, merged(masks, [each.label for each in bodies], (40, 30)))


def test_a_run_may_validate_only_every_few_epochs(dataset, options, monkeypatch):
    films = open_films(dataset)
    every = options.output.parent / "every"
    whole = train_family(Tiny, films, replace(options, output=every, epochs=5))[0]
    options.settings.write_text(f"validate = 2\n{SETTINGS}")
    calls = []
    validate = Training.validate
    monkeypatch.setattr(Training, "validate", lambda self: calls.append(1) or validate(self))
    seldom = train_family(Tiny, films, replace(options, epochs=5))[0]
    assert len(calls) == 3  # epochs 2, 4 and the last
    lines = [line.split(",") for line in (seldom.weights.parent / "log.csv").read_text().split()]
    assert [line[2] == "" for line in lines[1:]] == [True, False, True, False, False]
    full = [line.split(",") for line in (whole.weights.parent / "log.csv").read_text().split()]
    assert [line[1] for line in lines] == [line[1] for line in full]
    assert [line[3] for line in lines if line[3]] == [full[k][3] for k in (0, 2, 4, 5)]


def test_a_run_that_validates_seldom_goes_on_from_its_last_validation(
    dataset, options, tmp_path, monkeypatch
):
    options.settings.write_text(f"validate = 2\n{SETTINGS}")
    films, options = open_films(dataset), replace(options, epochs=5)
    whole = train_family(Tiny, films, replace(options, output=tmp_path / "whole"))[0]
    write = trainer_module.write_checkpoint

    def cut(checkpoint, folder):
        write(checkpoint, folder)
        if len(checkpoint.log) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer_module, "write_checkpoint", cut)
    with pytest.raises(KeyboardInterrupt):
        train_family(Tiny, films, options)
    monkeypatch.setattr(trainer_module, "write_checkpoint", write)
    assert train_family(Tiny, films, options)[0].sha256 == whole.sha256


def test_the_same_run_gives_the_same_bytes(dataset, options, tmp_path):
    films = open_films(dataset)
    one = train_family(Tiny, films, options)[0]
    other = train_family(Tiny, films, replace(options, output=tmp_path / "again"))[0]
    assert one.sha256 == other.sha256


class StopError(Exception):
    pass


@pytest.mark.parametrize("place", ["write_log", "write_checkpoint"])
def test_a_run_that_was_killed_goes_on_and_ends_the_same(
    place, dataset, options, tmp_path, monkeypatch
):
    films = open_films(dataset)
    whole = train_family(Tiny, films, replace(options, output=tmp_path / "whole"))[0]
    module = (
        trainer_module
        if place == "write_checkpoint"
        else __import__("spinemorph.learn.run", fromlist=["run"])
    )
    real, calls = getattr(module, place), []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise StopError
        return real(*arguments)

    monkeypatch.setattr(module, place, dies)
    with pytest.raises(StopError):
        train_family(Tiny, films, options)
    monkeypatch.setattr(module, place, real)
    again = train_family(Tiny, films, options)[0]
    assert again.sha256 == whole.sha256
    assert again.epochs == 3


def test_a_finished_fold_is_not_trained_again(dataset, options):
    films = open_films(dataset)
    first = train_family(Tiny, films, options)
    before = first[0].weights.stat().st_mtime_ns
    assert train_family(Tiny, films, options) == first
    assert first[0].weights.stat().st_mtime_ns == before


def test_another_run_in_the_same_folder_is_refused(dataset, options):
    films = open_films(dataset)
    train_family(Tiny, films, options)
    with pytest.raises(UsageError, match=r"holds another run \(its seed differs\)"):
        train_family(Tiny, films, replace(options, seed=2))


def test_folds_can_be_trained_one_by_one(dataset, options):
    films = open_films(dataset)
    options = replace(options, folds=5, test=0)
    (second,) = train_family(Tiny, films, replace(options, fold=2))
    everything = train_family(Tiny, films, options)
    assert [each.number for each in everything] == [1, 2, 3, 4, 5]
    assert everything[1] == second
    assert len({each.sha256 for each in everything}) == 5
    with pytest.raises(UsageError, match="there are 5 folds"):
        train_family(Tiny, films, replace(options, fold=6))


def test_a_run_stops_where_nothing_gets_better(dataset, options, tmp_path):
    settings = SETTINGS.replace("rate = 0.02", "rate = 0.0").replace("epochs = 3", "epochs = 30")
    (tmp_path / "patient.toml").write_text(f"patience = 2\n{settings}")
    (result,) = train_family(
        Tiny, open_films(dataset), replace(options, settings=tmp_path / "patient.toml")
    )
    assert (result.best_epoch, result.epochs) == (1, 3)


def test_a_loss_that_is_not_finite_ends_the_run_in_one_line(dataset, options, monkeypatch):
    def lost(self, network, images, targets):
        return {"lost": network(images).sum() * float("nan")}

    monkeypatch.setattr(Tiny, "losses", lost)
    with pytest.raises(SpinemorphError, match="not finite"):
        train_family(Tiny, open_films(dataset), replace(options, epochs=40))


def test_damaged_films_are_named_and_left_out(dataset, options, tmp_path, capsys):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for path in dataset.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "film_03.png").write_bytes((folder / "film_03.png").read_bytes()[:300])
    films = open_films(folder / "coco.json")
    (result,) = train_family(Tiny, films, replace(options, test=0, quiet=False))
    assert result.films in (8, 9)
    assert "left out: film_03.png" in capsys.readouterr().err


def test_the_segmenter_answers_in_original_pixels(trained):
    segmenter = FamilySegmenter(Tiny, trained.weights, "cpu")
    phantom = draw_phantom(360, 240)
    found = segmenter.segment(phantom.radiograph)
    union = np.zeros((360, 240), bool)
    for body in phantom.instances[:-1]:
        union[body.box.slices] |= body.mask
    ours = np.zeros((360, 240), bool)
    for each in found:
        if each.category == "lumbar":
            ours[each.box.slices] |= each.mask
    assert (ours & union).sum() / (ours | union).sum() > 0.6


def test_many_films_at_once_give_what_each_gives_alone(trained):
    segmenter = FamilySegmenter(Tiny, trained.weights, "cpu")
    films = [draw_phantom(180, 120, lordosis=30 + 3 * k).radiograph for k in range(11)]
    together = segmenter.segment_many(films)
    for film, found in zip(films, together, strict=True):
        alone = segmenter.segment(film)
        assert [each.box for each in alone] == [each.box for each in found]


def test_too_little_memory_of_the_gpu_is_answered_by_smaller_batches_then_the_cpu(
    trained, monkeypatch
):
    segmenter = FamilySegmenter(Tiny, trained.weights, "cpu")
    real, asked = segmenter.family.find, []

    def find(network, images):
        asked.append(len(images))
        if len(images) > 1 or asked.count(1) == 1:
            raise torch.cuda.OutOfMemoryError
        return real(network, images)

    monkeypatch.setattr(segmenter.family, "find", find)
    with pytest.warns(RuntimeWarning, match="going on with the CPU"):
        found = segmenter.segment_many([draw_phantom(180, 120).radiograph] * 4)
    assert len(found) == 4
    assert asked[:3] == [4, 2, 1]


def test_weights_that_are_none_are_refused_in_one_line(trained, tmp_path):
    content = trained.weights.read_bytes()
    torch.save({"x": torch.zeros(2)}, tmp_path / "torch.pt")
    (tmp_path / "pickle").write_bytes(pickle.dumps({"x": 1}))
    (tmp_path / "short").write_bytes(content[:-40])
    (tmp_path / "text").write_text("no weights at all\n")
    (tmp_path / "empty").write_bytes(b"")
    save_weights(tmp_path / "other.safetensors", {}, {"family": "unet", "settings": {}})
    save_weights(
        tmp_path / "misfit.safetensors",
        {"0.weight": torch.zeros(3)},
        {"family": "tiny", "settings": RunSettings("none").to_dict()},
    )
    expected = {
        "torch.pt": "pickled", "pickle": "pickled", "short": "damaged", "text": "not a weights file",
        "empty": "not a weights file", "missing": "cannot be read", "other.safetensors": "'unet'",
        "misfit.safetensors": "cannot be used",
    }  # fmt: skip
    for name, words in expected.items():
        with pytest.raises(WeightsError, match=words) as fault:
            FamilySegmenter(Tiny, tmp_path / name, "cpu")
        assert "\n" not in str(fault.value)
    with pytest.raises(WeightsError, match="--weights"):
        FamilySegmenter(Tiny, None, "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_where_there_is_none_is_an_error(trained):
    with pytest.raises(UsageError, match="--device cuda"):
        FamilySegmenter(Tiny, trained.weights, "cuda")


def test_a_changed_weights_file_has_another_hash(trained):
    loaded = load_weights(trained.weights, "tiny")
    assert loaded.sha256 == trained.sha256


@pytest.fixture
def tiny_plugin(monkeypatch):
    def train(films, options):
        return train_family(Tiny, films, options)

    def create(weights=None, device="auto"):
        return FamilySegmenter(Tiny, weights, device)

    plugin = SegmenterPlugin("tiny", "Two convolutions", 1, create, train)
    found = Plugins((Registered("segmenter", plugin, "spinemorph-tiny", "1"),))
    monkeypatch.setattr("spinemorph.plugins.load_plugins", lambda: found)
    return found


def train_command(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["train", *map(str, arguments)])
    return ended.value.code


def test_the_command_trains_and_says_where_the_weights_are(
    tiny_plugin, dataset, options, tmp_path, capsys
):
    settings = ["--settings", options.settings, "--epochs", "1", "--device", "cpu"]
    arguments = [dataset, "-o", tmp_path / "out", "--segmenter", "tiny", *settings]
    assert train_command(*arguments, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["epochs"] == 1
    assert (tmp_path / "out/fold-1/weights.safetensors").exists()
    assert train_command(*arguments) == 0
    assert "fold 1: mean IoU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (["--segmenter", "none"], 2, "unknown segmenter"),
        (["--segmenter", "tiny", "--from", "dicom"], 2, "unknown format"),
        (["--segmenter", "tiny", "--preset", "light"], 2, "no preset"),
    ],
)
def test_the_command_says_what_is_wrong(extra, code, words, tiny_plugin, dataset, tmp_path, capsys):
    assert train_command(dataset, "-o", tmp_path / "out", *extra) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error


def test_the_embedded_model_is_not_trained_by_this_command(dataset, tmp_path, capsys):
    assert train_command(dataset, "-o", tmp_path / "out", "--segmenter", "compact") == 2
    assert "cannot be trained" in capsys.readouterr().err
