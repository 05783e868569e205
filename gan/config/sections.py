"""The groups of settings of a run.

Every field has a title, a range, a unit and a help text. The form on the Train page and the command line are generated from
them, so a new field appears in both automatically.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import field_validator, model_validator

from gan.config.fields import LONGEST, Section, Span, in_order, option, split

Policy = Literal["colour", "translation", "cutout"]


class ObjectiveConfig(Section):
    """What the two networks minimise, and what limits the slope of the discriminator."""

    loss: Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"] = option(
        "non-saturating",
        "Loss",
        "What the players minimise. Non-saturating: the usual choice. Minimax: the original game. Least-squares and hinge: "
        "penalties that grow with distance. Wasserstein: unbounded scores; needs a penalty or clipping. Relativistic: compares "
        "pairs of a real and a generated image.",
        code="{}",
    )
    label_smoothing: float = option(
        0.0,
        "Label smoothing",
        "Target 1 − s instead of 1 for real images, which keeps the discriminator from becoming overconfident (one-sided, Salimans "
        "et al. 2016).",
        ge=0,
        le=0.5,
        code="smooth {}",
    )
    gradient_penalty: float = option(
        0.0,
        "Gradient penalty λ",
        "λ·E(‖∇D(x̂)‖ − 1)² at points between real and generated images, as in WGAN-GP (Gulrajani et al. 2017). 10 is usual; 0 is "
        "off.",
        ge=0,
        le=1000,
        code="GP {}",
    )
    dragan: float = option(
        0.0,
        "DRAGAN λ",
        "λ·E(‖∇D(x + noise)‖ − 1)² around real images (Kodali et al. 2017). 10 is usual; 0 is off.",
        ge=0,
        le=1000,
        code="DRAGAN {}",
    )
    r1: float = option(
        0.0,
        "R1 γ",
        "γ/2·E‖∇D(x)‖² on real images: keeps the discriminator flat at the data (Mescheder et al. 2018). 0.1 to 10 is usual; 0 is "
        "off.",
        ge=0,
        le=1000,
        code="R1 {}",
    )
    r2: float = option(
        0.0,
        "R2 γ",
        "γ/2·E‖∇D(G(z))‖² on generated images (Mescheder et al. 2018). R3GAN uses the same γ for R1 and R2; 0 is off.",
        ge=0,
        le=1000,
        code="R2 {}",
    )
    weight_clip: float = option(
        0.0,
        "Weight clipping",
        "Limits each discriminator weight to ±c after every step, as in the first WGAN with c = 0.01 (Arjovsky et al. 2017). 0 is "
        "off.",
        ge=0,
        le=10,
        code="clip {}",
    )


class AugmentationConfig(Section):
    """Changes to all images, real and generated, before the discriminator sees them."""

    policies: tuple[Policy, ...] = option(
        (),
        "DiffAugment",
        "Randomly change colours, shift, or cut out a square in every image the discriminator sees. The changes are "
        "differentiable, so the generator does not learn to reproduce them. Helps with few images (Zhao et al. 2020).",
        code="augment {}",
    )
    instance_noise: float = option(
        0.0,
        "Instance noise σ",
        "Standard deviation of the normal noise added to every image the discriminator sees (values from −1 to 1), which makes "
        "real and generated harder to tell apart (Sønderby et al. 2017). 0.1 is a lot; 0 is off.",
        ge=0,
        le=2,
        code="noise {}",
    )
    noise_fade: float = option(
        0.5,
        "Noise fades until",
        "Share of the training over which the instance noise falls linearly to zero. 0 keeps it constant to the end.",
        ge=0,
        le=1,
        code="fade {}",
    )

    @field_validator("policies", mode="before")
    @classmethod
    def split_policies(cls, value: Any) -> Any:
        """Accept "colour, cutout" for ["colour", "cutout"]; ignore order and repetition."""
        return in_order(split(value), get_args(Policy))


class OptimizerConfig(Section):
    """How the weights are updated."""

    algorithm: Literal["adam", "rmsprop", "sgd", "keras-adam"] = option(
        "adam",
        "Optimiser",
        "Adam (Kingma & Ba 2014) is the usual choice, RMSprop was used by the first WGAN, SGD is plain gradient descent. "
        "Keras-Adam is Adam as in Keras: ε is 1e-7 and is added before the bias correction, so tiny gradients move weights less.",
        code="{}",
    )
    batch_size: int = option(
        64, "Batch size", "Real images per turn, and as many generated ones.", unit="images", ge=2, le=4096, code="B {}"
    )
    generator_lr: float = option(
        2e-4, "Generator learning rate", "Size of the generator's weight updates.", gt=0, le=1, code="lr_G {}"
    )
    discriminator_lr: float = option(
        2e-4,
        "Discriminator learning rate",
        "Size of the discriminator's weight updates. Different rates for the two players are known as TTUR (Heusel et al. 2017).",
        gt=0,
        le=1,
        code="lr_D {}",
    )
    discriminator_steps: int = option(
        1,
        "Discriminator steps",
        "Discriminator turns, each on new images, before each generator turn. WGAN uses 5.",
        unit="turns",
        ge=1,
        le=20,
        code="n_D {}",
    )
    updates: Literal["alternating", "simultaneous"] = option(
        "alternating",
        "Updates",
        "Alternating: the generator's turn meets the discriminator as it is after its own turn (Goodfellow et al. 2014). "
        "Simultaneous: the gradients of both come before either update, as in the tutorials of TensorFlow.",
        code="{} updates",
    )
    beta1: float = option(
        0.5,
        "Momentum β₁",
        "Decay rate of the average of past gradients, for every optimiser. GANs usually need 0.5 or less instead of the common "
        "0.9.",
        ge=0,
        lt=1,
        code="β₁ {}",
    )
    beta2: float = option(
        0.999,
        "Memory β₂",
        "Decay rate of the average of past squared gradients, which scales the step of each weight (Adam and RMSprop).",
        ge=0,
        lt=1,
        code="β₂ {}",
    )
    lr_decay: Literal["none", "linear", "cosine"] = option(
        "none",
        "Learning-rate decay",
        "How both learning rates fall to zero over the whole training. Prolonging a training stretches the decay.",
        code="decay {}",
    )
    gradient_clip: float = option(
        0.0,
        "Gradient clipping",
        "Maximum gradient norm over all weights of a player; larger gradients are scaled down to it. 0 is off.",
        ge=0,
        le=1e6,
        code="gradient clip {}",
    )
    ema_half_life: int = option(
        4400,
        "EMA half-life",
        "Samples come from a running average of the generator's weights. Number of real images seen after which a weight counts "
        "half: decay = 0.5^(images per step / half-life). 0 switches averaging off.",
        unit="images",
        ge=0,
        le=LONGEST,
        code="EMA {}",
    )

    @property
    def images_per_step(self) -> int:
        """Real images per step: one batch for each turn of the discriminator."""
        return self.batch_size * self.discriminator_steps

    @property
    def ema_decay(self) -> float:
        """Weight of the previous average in each step, from 0 (no averaging) to 1."""
        return 0.5 ** (self.images_per_step / self.ema_half_life) if self.ema_half_life else 0.0


class TrainingConfig(Section):
    """Length, random seed, and use of the machine."""

    length: Span = option(
        Span(count=60, unit="epochs"),
        "Train for",
        "An epoch is one pass over all real images; a step is one generator update.",
        code="{}",
    )
    seed: int = option(
        0, "Seed", "Random seed of the run. The same seed and settings give the same run.", ge=0, le=2**31 - 1, code="s{}"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("auto", "Device", "Where to compute. Auto uses a GPU if there is one.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto",
        "Precision",
        "Number format in the networks. Auto uses bf16 if this machine computes it faster; fp16 needs an NVIDIA GPU.",
    )
    threads: int = option(
        0,
        "CPU cores",
        "Cores for this run, or for each of its processes. 0 uses at most half of the machine's, which leaves room for the browser "
        "and a second run. A resumed run keeps its number of cores.",
        unit="threads",
        ge=0,
        le=256,
    )
    processes: int = option(
        1,
        "Processes",
        "Processes that share each batch of this run, each on a GPU or on CPU cores of its own. The losses are those of one "
        "process, except for rounding and random changes to images; for large networks and batches on several GPUs.",
        unit="processes",
        ge=1,
        le=64,
    )
    compile: bool = option(
        False,
        "Compile",
        "Compile the networks with torch.compile before training. Takes a minute or more and needs a C++ compiler; worthwhile for "
        "long trainings on a GPU.",
    )


class CadenceConfig(Section):
    """How often results are written; 0 means never."""

    log_every: Span = option(
        Span(count=10), "Log every", "One point of the curves: losses, D(real), D(fake), gradient norms and speed."
    )
    sample_every: Span = option(
        Span(count=1, unit="epochs"), "Samples every", "A grid of images, always from the same latent vectors."
    )
    early_samples: bool = option(
        True,
        "Early samples",
        "Samples also at steps 5, 10, 20, 40, … before the first regular ones, in at most 1 % of the training time.",
    )
    score_every: Span = option(
        Span(count=5, unit="epochs"),
        "Scores every",
        "FID and other scores of 500 images, one point of the curve each; training pauses briefly. The best checkpoint is kept in "
        "addition to the last.",
    )
    score_share: float = option(
        0.03,
        "Scores take at most",
        "Maximum share of the training time so far spent on scores; a score that would exceed it is skipped. 0 means no limit.",
        ge=0,
        le=1,
    )
    checkpoint_every: Span = option(Span(count=10, unit="epochs"), "Checkpoint every", "The most work that a crash can cost.")
    checkpoint_room: int = option(
        100,
        "Room for older checkpoints",
        "The newest two checkpoints and the best one always stay. In this room, so do those before changes of settings, and one in "
        "each doubling of the steps, to go back to; the oldest are removed first.",
        unit="MB",
        ge=0,
        le=10_000_000,
    )

    @model_validator(mode="after")
    def need_some(self) -> CadenceConfig:
        """Refuse 0 for log lines and checkpoints: a run without them could be neither watched nor resumed."""
        for name in ("log_every", "checkpoint_every"):
            if getattr(self, name).count == 0:
                raise ValueError(f"cadence.{name} is 0, expected at least 1 step; set it to “10 steps”, for example")
        return self
