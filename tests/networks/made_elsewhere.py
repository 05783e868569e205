"""Networks as other programs write them: both players of pytorch/examples' dcgan, and guests that hold them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gan.guests import importer
from gan.guests.guest import Guest
from gan.guests.importer import Wish
from gan.networks import foreign
from gan.networks.foreign import keeping
from gan.storage.jobs import say_nothing
from gan.training import sampling

FOLDER = Path(__file__).with_name("foreign")


class Generator(nn.Module):
    """The generator of pytorch/examples, dcgan/main.py."""

    def __init__(self, nz: int = 6, ngf: int = 4, nc: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.main(input)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    """The discriminator of pytorch/examples, dcgan/main.py."""

    def __init__(self, ndf: int = 4, nc: int = 3) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.main(input).view(-1, 1).squeeze(1)  # type: ignore[no-any-return]


def examples(folder: Path, channels: int = 3, width: int = 4) -> tuple[Generator, Discriminator]:
    """Write netG_epoch_2.pth and netD_epoch_2.pth to a folder and return both players, in evaluation mode."""
    torch.manual_seed(0)
    generator, discriminator = Generator(nc=channels, ngf=width), Discriminator(nc=channels, ndf=width)
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
