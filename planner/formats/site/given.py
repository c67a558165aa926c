"""What a person says of a site where no source does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Given:
    """Answers to what sources leave open; None leaves it open.

    Parameters
    ----------
    name
        Name of the cluster, whatever the sources call it.
    gpu
        GPU preset, where no source names one.
    gpus
        GPUs a host.
    nic_bytes_per_s
        Bandwidth of a NIC, per direction.
    scale_up_bytes_per_s
        NVLink bandwidth per GPU and direction.
    """

    name: str | None = None
    gpu: str | None = None
    gpus: int | None = None
    nic_bytes_per_s: float | None = None
    scale_up_bytes_per_s: float | None = None


NOTHING = Given()
