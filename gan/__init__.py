"""GAN Duel: train, watch and compare generative adversarial networks."""

__version__ = "0.1.0"
