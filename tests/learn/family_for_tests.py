"""The smallest honest family: two convolutions that learn brightness, one body a class."""

import torch
from torch import nn

from spinemorph.learn.family import Family, Found


class Tiny(Family):
    name = "tiny"
    options = {"width": 6}

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
