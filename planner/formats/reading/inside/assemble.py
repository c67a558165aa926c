"""A site of what was found inside a node."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.reading.inside.models import in_a_slot
from planner.formats.reading.inside.nics import add_nics
from planner.formats.reading.inside.scale_up import add_scale_up
from planner.formats.site.models import preset_name
from planner.formats.site.site import Host, Site
from planner.topology.schema import MOST_GPUS_A_NODE

if TYPE_CHECKING:
    from planner.formats.reading.inside.parts import Adapter, Gpu
    from planner.formats.site.site import Source

MOST_ADAPTERS = 4096


def site_of(source: Source, gpus: list[Gpu], adapters: list[Adapter], findings: list[Problem]) -> Site:
    """A site whose every node has these GPUs and adapters.

    Raises
    ------
    InputError
        I060 where there is neither a GPU nor an adapter, or more than a node can have.
    """
    if not gpus and not adapters:
        raise InputError(_nothing(source), *findings)
    if len(gpus) > MOST_GPUS_A_NODE or len(adapters) > MOST_ADAPTERS:
        raise InputError.of(
            "I060",
            f"{len(gpus):,} GPUs and {len(adapters):,} adapters in one node",
            expected=f"at most {MOST_GPUS_A_NODE:,} GPUs and {MOST_ADAPTERS:,} adapters",
            position=source.position(1),
        )
    site = Site(findings=list(findings))
    if gpus:
        site.node.gpus = len(gpus)
        _name(site, gpus)
        site.node.gpu_model = _model(site, gpus)
        add_scale_up(site, gpus)
    else:
        site.findings.append(_nothing(source))
    add_nics(site, gpus, adapters)
    site.node.gpus_down = {index: gpu.down for index, gpu in enumerate(gpus) if gpu.down}
    return site


def of_host(site: Site, name: str) -> None:
    """Say that the node is the host called `name`, so that what is out of service is so there alone."""
    node = site.node
    site.hosts[name] = Host(name, node)
    nics = None if node.nics is None else [replace(nic, down=None) for nic in node.nics]
    site.node = replace(node, gpus_down={}, nics=nics)


def _nothing(source: Source) -> Problem:
    return Problem(
        "I060",
        "no GPU is in it",
        source.position(1),
        expected="the description of a node with GPUs",
        suggestion="run the program on a node with GPUs, with their driver loaded",
    )


def _name(site: Site, gpus: list[Gpu]) -> None:
    """Tell each GPU's model by its driver's name."""
    for gpu in gpus:
        if gpu.called:
            gpu.model = preset_name(gpu.called) or gpu.called
    for called in sorted({gpu.called for gpu in gpus if in_a_slot(gpu.called)}):
        if preset_name(called):
            site.assumptions.append(
                f"{called}, a card for a slot, computes as fast as the module, {preset_name(called)}"
            )


def _model(site: Site, gpus: list[Gpu]) -> str | None:
    """The model that most GPUs are of."""
    models = Counter(gpu.model for gpu in gpus if gpu.model)
    if not models:
        return None
    model = models.most_common(1)[0][0]
    if len(models) > 1:
        odd = next(gpu for gpu in gpus if gpu.model and gpu.model != model)
        site.findings.append(
            Problem(
                "I069",
                f"GPUs of {len(models)} models in one node: {', '.join(sorted(models))}",
                odd.position,
                expected="one model",
                suggestion=f"all are taken to be {model}",
            )
        )
    return model
