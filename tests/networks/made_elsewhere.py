"""Networks as other programs write them: both players of pytorch/examples' dcgan, and guests that hold them."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor, nn

from gan.guests import importer
from gan.guests.guest import Guest
from gan.guests.importer import Wish
from gan.networks import foreign
from gan.networks.foreign import keeping
from gan.storage.jobs import say_nothing
from gan.training import sampling

FOLDER = Path(__file__).with_name("foreign")


class Main(nn.Module):
    """Layers under the name ``main``, as the files of pytorch/examples have them."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.main(inputs)
        return found


def generator_of(latent: int, width: int, channels: int) -> Main:
    """Return a generator for 64 pixels with the shapes of pytorch/examples'."""
    widths = [latent, *(width * times for times in (8, 4, 2, 1)), channels]
    layers: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2 if level else 1, 1 if level else 0, bias=False))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if outputs != channels else [nn.Tanh()]
    return Main(layers)


def discriminator_of(width: int, channels: int) -> Main:
    """Return a discriminator for 64 pixels with the shapes of pytorch/examples'."""
    widths = [channels, *(width * times for times in (1, 2, 4, 8))]
    layers: list[nn.Module] = []
    for level, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(outputs)] if level else []
        layers.append(nn.LeakyReLU(0.2))
    return Main([*layers, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Sigmoid(), nn.Flatten(0)])


def examples(folder: Path, channels: int = 3, width: int = 4) -> tuple[Main, Main]:
    """Write netG_epoch_2.pth and netD_epoch_2.pth to a folder and return both players, in evaluation mode."""
    torch.manual_seed(0)
    generator, discriminator = generator_of(6, width, channels), discriminator_of(width, channels)
    for network in (generator, discriminator):
        for weight in network.parameters():
            nn.init.normal_(weight, 0.0 if weight.ndim > 1 else 0.5, 0.2)
    for _ in range(3):
        discriminator(generator(torch.randn(8, 6, 1, 1)))
    torch.save(generator.state_dict(), folder / "netG_epoch_2.pth")
    torch.save(discriminator.state_dict(), folder / "netD_epoch_2.pth")
    return generator.eval(), discriminator.eval()


def guest_of(root: Path, folder: Path, generator: Path, discriminator: Path | None = None, data: str = "digits") -> Guest:
    """Return a guest among the runs in ``root``, drawn from a generator; ``folder``: for its pictures."""
    found = foreign.read(generator)
    drawn = folder / "drawn.npz"
    sampling.write(sampling.stream_foreign(found, 16), drawn, say_nothing)
    wish = Wish("Elsewhere", data)
    judge = None if discriminator is None else (discriminator, discriminator.name)

    def keep(guest: Guest) -> keeping.Network:
        return keeping.keep(guest, generator, found, judge, wish)

    return importer.bring(root, drawn, wish, say_nothing, generator.name, keep)
