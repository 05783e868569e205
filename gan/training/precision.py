"""Choose the device and the precision: what "auto" means on this machine; and set up a process for training."""

from __future__ import annotations

import contextlib
import platform
from contextlib import AbstractContextManager

import torch

from gan.errors import InputError
from gan.machine import keep_freed_memory


def set_up(threads: int) -> None:
    """Set up this process for training with ``threads`` threads: denormal numbers are zero, and freed memory is kept."""
    torch.set_num_threads(max(1, threads))
    torch.set_flush_denormal(True)
    keep_freed_memory()


def choose_device(asked: str) -> torch.device:
    """Return the device for "auto", "cpu", "cuda" or "mps". Raises InputError if this machine lacks it."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        return torch.device(next(kind for kind, is_there in has.items() if is_there))
    if not has[asked]:
        raise InputError(f"training.device is “{asked}”, but this machine does not have it; choose “auto” or “cpu”.")
    return torch.device(asked)


def choose_precision(asked: str, device: torch.device) -> str:
    """Return "fp32", "bf16" or "fp16".

    "auto" is bf16 if the hardware multiplies it natively (CPUs with AVX512-BF16 or AMX, NVIDIA GPUs from Ampere on), else fp32.
    Raises InputError for fp16 without CUDA, because fp16 needs loss scaling and suitable hardware.
    """
    if asked == "fp16" and device.type != "cuda":
        raise InputError(f"training.precision is “fp16”, which needs an NVIDIA GPU (here: {device.type}); choose “auto”.")
    if asked != "auto":
        return asked
    return "bf16" if has_fast_bf16(device) else "fp32"


def has_fast_bf16(device: torch.device) -> bool:
    """Return whether this device computes bf16 matrix products natively, without emulation."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context in which networks run: mixed precision, or a null context for fp32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def name_device(device: torch.device) -> str:
    """Return the device's name for the status."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def name_software() -> str:
    """Return the versions of torch and Python, the operating system and the processor, as one line."""
    return f"torch {torch.__version__}, Python {platform.python_version()}, {platform.system()} on {platform.machine()}"
