"""One training: epochs, validation, checkpoints, early stop. The same films, seed and threads give the
same weights on the CPU, bit by bit, also when the run was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spinemorph.errors import SpinemorphError
from spinemorph.evaluate.metrics import confusion_matrix, metrics_from_confusion
from spinemorph.learn.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from spinemorph.learn.family import Family, Target
from spinemorph.learn.films import Prepared, Sample, boxes_of, merged, plain, varied
from spinemorph.learn.inference import as_tensor, half_on_cuda

#: So many useless steps in a row end a run: the rate is too high, or a film is broken.
TOO_MANY = 25


@dataclass(frozen=True)
class Epoch:
    """One line of the log. ``parts``: mean loss by part; ``mean_iou``: over the validation films.

    An epoch without validation has None for what it gives.
    """

    number: int
    loss: float
    validation_loss: float | None
    mean_iou: float | None
    rate: float
    parts: Mapping[str, float]


def best_epoch(log: Sequence[Epoch]) -> tuple[Epoch, float] | None:
    """The first of the best epochs and its mean IoU; None where none was validated."""
    judged = [(epoch, epoch.mean_iou) for epoch in log if epoch.mean_iou is not None]
    return max(judged, key=lambda pair: pair[1]) if judged else None


#: Called after every epoch with the log so far, the weights, and whether they are the best so far.
Watcher = Callable[[Sequence[Epoch], Mapping[str, Tensor], bool], None]
#: Called after every step with the number of steps done and of all.
Ticker = Callable[[int, int], None]


class Training:
    """A family on prepared films; ``folder`` holds the checkpoint that an interrupted run goes on from."""

    def __init__(
        self,
        family: Family,
        train: Sequence[Prepared],
        validation: Sequence[Prepared],
        folder: Path,
        *,
        seed: int,
        device: str,
    ) -> None:
        self.family, self.settings = family, family.settings
        self.train, self.validation = train, validation
        self.folder, self.seed, self.device = folder, seed, device
        torch.manual_seed(seed)
        self.network = family.build().to(device)
        self.optimiser = _optimiser(self.network, self.settings)
        self.scaler = torch.amp.GradScaler("cuda", enabled=device != "cpu")
        self.average: dict[str, Tensor] | None = None
        if self.settings.average:
            self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.log: list[Epoch] = []
        self.wasted = 0

    def run(self, watch: Watcher, tick: Ticker) -> list[Epoch]:
        """Train until the epochs are spent or nothing gets better; the log of all epochs."""
        self._resume()
        while len(self.log) < self.settings.epochs and not self._stalled():
            number = len(self.log) + 1
            parts, rate = self._train(number, tick)
            judged = number % self.settings.validate == 0 or number == self.settings.epochs
            loss, iou = self.validate() if judged else (None, None)
            before = best_epoch(self.log)
            best = iou is not None and (before is None or iou > before[1])
            self.log.append(Epoch(number, sum(parts.values()), loss, iou, rate, parts))
            watch(self.log, self.weights(), best)
            if judged:
                self._save()
        return self.log

    def weights(self) -> Mapping[str, Tensor]:
        """What is validated and kept."""
        weights: Mapping[str, Tensor] = self.average or self.network.state_dict()
        return weights

    def _stalled(self) -> bool:
        patience = self.settings.patience
        best = best_epoch(self.log)
        if not patience or best is None:
            return False
        return len(self.log) - best[0].number >= patience

    def _train(self, epoch: int, tick: Ticker) -> tuple[dict[str, float], float]:
        """One pass; the mean of every part of the loss, and the last learning rate."""
        # everything random in an epoch follows from seed and number: a resumed run repeats it
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        self.network.train()
        sums: dict[str, float] = {}
        steps = self.steps
        for done, (images, targets) in enumerate(self.batches(epoch), start=1):
            step = (epoch - 1) * steps + done
            self._set_rate(step, steps * self.settings.epochs)
            for name, value in self.step(images, targets).items():
                sums[name] = sums.get(name, 0.0) + value / steps
            tick(step, steps * self.settings.epochs)
        return sums, float(self.optimiser.param_groups[0]["lr"])

    @property
    def steps(self) -> int:
        """Steps of an epoch; the last, smaller batch is left out where there is a whole one."""
        return max(len(self.train) // self.settings.batch, 1)

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, list[Target]]]:
        """The varied films of an epoch on the device, a batch at a time."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.train))
        batch = self.settings.batch
        source = _Samples(self.train, order, self.settings.augment, self.seed, epoch)
        loader: Any = torch.utils.data.DataLoader(
            source,
            batch_size=batch,
            drop_last=len(order) >= batch,
            collate_fn=_collate,
            num_workers=self.settings.workers,
            pin_memory=self.device != "cpu",
        )
        for images, targets in loader:
            yield self._moved(images, targets)

    def _moved(self, images: Tensor, targets: Sequence[Target]) -> tuple[Tensor, list[Target]]:
        moved = [target.to(self.device, non_blocking=True) for target in targets]
        return images.to(self.device, non_blocking=True), moved

    def step(self, images: Tensor, targets: list[Target]) -> dict[str, float]:
        """Forward, backward and a step of the optimiser; the parts of the loss."""
        with self._precision():
            parts = self.family.losses(self.network, images, targets)
            total = torch.stack([part.float() for part in parts.values()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        if not torch.isfinite(total):
            self.wasted += 1
            if self.wasted >= TOO_MANY:
                raise SpinemorphError(
                    f"{self.family.name}: the loss was not finite for {TOO_MANY} steps in a row: "
                    f"lower the rate in the settings"
                )
            return dict.fromkeys(parts, 0.0)
        self.wasted = 0
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._follow()
        return {name: float(part.detach()) for name, part in parts.items()}

    def _precision(self) -> Any:
        if self.device != "cpu":
            return half_on_cuda(self.device)
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.settings.bfloat16)

    def _follow(self) -> None:
        """Move the running mean of the weights after the weights."""
        if self.average is None:
            return
        keep = self.settings.average
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - keep)
                else:
                    self.average[name].copy_(value)

    def _set_rate(self, step: int, steps: int) -> None:
        settings = self.settings
        rate = settings.rate * min(step / max(settings.warmup, 1), 1.0)
        if settings.schedule == "cosine":
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def validate(self) -> tuple[float, float]:
        """Mean loss and mean IoU (background and all categories, merged) of the validation films."""
        kept = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(dict(self.weights()))
        self.network.eval()
        losses, scores = [], []
        batch = self.settings.batch
        with torch.no_grad(), half_on_cuda(self.device):
            for first in range(0, len(self.validation), batch):
                samples = [plain(film) for film in self.validation[first : first + batch]]
                images, targets = self._moved(*_collate(samples))
                parts = self.family.losses(self.network, images, targets)
                losses.append(sum(float(part) for part in parts.values()))
                scores += self._scores(images, samples)
        self.network.load_state_dict(kept)
        return float(np.mean(losses)), float(np.mean(scores))

    def _scores(self, images: Tensor, samples: Sequence[Sample]) -> list[float]:
        scores = []
        classes = len(self.settings.categories) + 1
        found = self.family.classes(self.network, images).to("cpu", torch.uint8).numpy()
        for sample, ours in zip(samples, found, strict=True):
            true = merged(list(sample.masks), sample.labels.tolist(), sample.image.shape)
            confusion = confusion_matrix(ours, true, classes)
            scores.append(metrics_from_confusion(confusion).mean_iou)
        return scores

    def _save(self) -> None:
        checkpoint = Checkpoint(
            self.network.state_dict(),
            self.average or {},
            {"optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict()},
            tuple(self.log),
        )
        write_checkpoint(checkpoint, self.folder)

    def _resume(self) -> None:
        found = read_checkpoint(self.folder, Epoch)
        if found is None:
            return
        self.network.load_state_dict(dict(found.network))
        if self.average is not None:
            self.average = {k: v.to(self.device) for k, v in found.average.items()}
        self.optimiser.load_state_dict(found.optimiser["optimiser"])
        self.scaler.load_state_dict(found.optimiser["scaler"])
        self.log = list(found.log)


class _Samples(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """The films of one epoch in its order; each draws from a generator of its own."""

    def __init__(
        self, films: Sequence[Prepared], order: Any, strength: float, seed: int, epoch: int
    ) -> None:
        self.films, self.order, self.strength = films, order, strength
        self.seed, self.epoch = seed, epoch

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Sample:
        number = int(self.order[index])
        rng = np.random.default_rng([self.seed, self.epoch, number])
        return varied(self.films[number], self.strength, rng)


def _collate(samples: Sequence[Sample]) -> tuple[Tensor, list[Target]]:
    images = as_tensor(np.stack([sample.image for sample in samples]))[:, None]
    targets = [
        Target(as_tensor(each.masks), as_tensor(each.labels), as_tensor(boxes_of(each.masks)))
        for each in samples
    ]
    return images, targets


def _optimiser(network: nn.Module, settings: Any) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            lr=settings.rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
        )
    return torch.optim.AdamW(
        network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
    )
