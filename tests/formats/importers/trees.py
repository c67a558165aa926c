"""Topologies of nodes as NCCL and RCCL write them."""

from __future__ import annotations

SLOT = 'link_speed="32.0 GT/s PCIe" link_width="16"'


def nccl(gpus=8, links=18, nets=True, version=1, few=None, order=None, speed=400000, sm=90, kind="nvlink"):
    """Each GPU below a bridge of its own with an adapter, half of them at each processor.

    Parameters
    ----------
    links
        Of each GPU, in all: to four switches by nvlink, to each other GPU by xgmi.
    few
        Links of GPUs that have another number of them, by index.
    order
        The GPU that each adapter is beside; its own by default.
    """
    halves = [range(gpus // 2), range(gpus // 2, gpus)]
    order = order or list(range(gpus))
    parts = [f'<system version="{version}">']
    for numa, half in enumerate(halves):
        parts.append(f'  <cpu numaid="{numa}" affinity="ffff" arch="x86_64" vendor="GenuineIntel">')
        for gpu in half:
            parts.append(f'    <pci busid="0000:{gpu:x}0:00.0" class="0x060400" {SLOT}>')
            parts += _gpu(gpu, gpus, (few or {}).get(gpu, links), sm, kind)
            if nets:
                parts += _net(gpu, order.index(gpu), speed)
            parts.append("    </pci>")
        parts.append("  </cpu>")
    return "\n".join([*parts, "</system>", ""])


def _gpu(gpu, gpus, links, sm, kind):
    device = f'<pci busid="0000:{gpu:x}1:00.0" class="0x030200" vendor="0x10de" device="0x2330" {SLOT}>'
    yield f"      {device}"
    yield f'        <gpu dev="{gpu}" sm="{sm}" rank="{gpu}" gdr="1">'
    if kind == "nvlink":
        for switch in range(4):
            count = links // 4 + (switch < links % 4)
            if count:
                target = f"0000:f{switch}:00.0"
                yield f'          <nvlink target="{target}" count="{count}" tclass="0x068000"/>'
    else:
        for other in range(gpus):
            if other != gpu and links:
                yield f'          <xgmi target="0000:{other:x}1:00.0" count="1" tclass="0x120000"/>'
    yield "        </gpu>"
    yield "      </pci>"


def _net(gpu, index, speed):
    device = f'<pci busid="0000:{gpu:x}2:00.0" class="0x020700" vendor="0x15b3" device="0x1021" {SLOT}>'
    net = f'<net name="mlx5_{index}" dev="{index}" speed="{speed}" port="1" guid="0x{index + 1:x}" gdr="1"/>'
    return [f"      {device}", "        <nic>", f"          {net}", "        </nic>", "      </pci>"]
