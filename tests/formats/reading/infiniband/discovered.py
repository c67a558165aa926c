"""Text as ibnetdiscover prints it, for tests."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from planner.formats.site.site import Source

FOLDER = Path(__file__).parent
SAMPLE = Path(__file__).parents[5] / "shared/data/samples/infiniband/ndr-40-switches.ibnetdiscover"


def source(text, name="fabric.txt"):
    """A source of some text."""
    return Source(name, text)


def recorded(name):
    """What the real program printed of the net beside this module."""
    return Source(name, (FOLDER / name).read_text())


def sample():
    """A real fabric of 40 switches, where it is at hand."""
    if not SAMPLE.exists():
        pytest.skip("the sample of 40 switches is not here")
    return Source(SAMPLE.name, SAMPLE.read_text())


def listing(cables, called=(), *, speed="4xNDR", between="\n"):
    """Records of all devices that cables join.

    Parameters
    ----------
    cables
        Tuples of a device, its port, another device and its port, and maybe a speed. Devices that
        begin with S are switches, with R routers, others adapters.
    called
        Description of devices that are not called as they are here, by device.
    between
        What stands between records.
    """
    called = dict(called)
    ports = {}
    for one, port, other, far, *own in cables:
        ports.setdefault(one, []).append((port, other, far, *own))
        ports.setdefault(other, []).append((far, one, port, *own))
    return between.join(_record(device, ports[device], called, speed) for device in ports)


def guid(device):
    """The key of a device: its letter and a number made of its name."""
    letter = device[0] if device[0] in "SR" else "H"
    return f"{letter}-0000{sha256(device.encode()).hexdigest()[:12]}"


def _record(device, ports, called, speed):
    kind = {"S": "Switch", "R": "Rt"}.get(device[0], "Ca")
    lines = [f'{kind}\t{len(ports)} "{guid(device)}"\t\t# "{called.get(device, device)}"']
    for port, other, far, *own in ports:
        word = own[0] if own else speed
        lines.append(f'[{port}]\t"{guid(other)}"[{far}]\t\t# "{called.get(other, other)}" lid 0 {word}')
    return "\n".join(lines) + "\n"
