"""Measures one, two or four GPUs: matrix products, attention, memory, collectives, a small training step.

    python tests/benchmarks/gpus/measure.py measured.json

It needs PyTorch with CUDA and nothing of this project, so that it can be copied to any machine. With
two GPUs it also measures all-reduce and point-to-point bandwidth, and one step of a small transformer
split by tensor, by pipeline and by data parallelism, each once the GPUs are as warm as in a long job;
with four collectives among four as well. Durations are medians of several runs.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

import torch
import torch._dynamo
import torch.distributed as dist
import torch.multiprocessing as mp
from transformer import MODEL, train_steps

# One program for each shape that is measured.
torch._dynamo.config.recompile_limit = 100
REPEATS = 15
HOT_S = 30
# Tokens, hidden size and tensor ranks of a layer of Megatron-Core's GPT models of 1.7B to 314B.
LAYERS = (
    (16384, 2048, 1),
    (16384, 4096, 2),
    (16384, 6144, 4),
    (8192, 8192, 8),
    (4096, 12288, 8),
    (4096, 16384, 8),
)
TOKENS = (512, 1024, 2048, 4096, 8192, 16384)
# Inputs and outputs of projections as they occur in models, whole and split.
PROJECTIONS = (
    (4096, 4096),
    (4096, 14336),
    (8192, 8192),
    (8192, 3584),
    (8192, 28672),
    (16384, 2048),
    (16384, 6656),
    (16384, 16384),
    (2048, 2048),
    (7168, 2048),
    (6144, 1536),
    (1024, 1024),
)
HEADS = ((1, 4096, 32, 8, 128), (1, 8192, 32, 8, 128), (1, 8192, 16, 1, 128), (2, 2048, 12, 12, 128))
# Those of Llama 3.1 405B over 4 and over 8 tensor ranks, and of a smaller model.
IN_PARTS = ((1, 8192, 32, 2, 128), (1, 8192, 16, 1, 128), (1, 16384, 16, 1, 128), (1, 8192, 32, 8, 128))
SIZES = [2**power for power in range(12, 31, 2)]


def seconds(run, repeats=REPEATS):
    """Median duration of `run` on the GPU, the first runs left out."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    spent = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        spent.append(start.elapsed_time(end) / 1e3)
    return statistics.median(spent)


def products():
    """Matrix products of `tokens x inputs` by `inputs x outputs`, by precision."""
    rows = []
    one = torch.ones((), device="cuda")
    for tokens in TOKENS:
        for inputs, outputs in PROJECTIONS:
            a = torch.randn(tokens, inputs, device="cuda", dtype=torch.bfloat16)
            b = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16)
            shape = {"m": tokens, "n": outputs, "k": inputs}
            rows.append({"precision": "bf16", **shape, "s": seconds(lambda a=a, b=b: a @ b.T)})
            a8, b8 = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn)
            run = lambda a=a8, b=b8: torch._scaled_mm(  # noqa: E731
                a, b.T, one, one, out_dtype=torch.bfloat16, use_fast_accum=True
            )
            rows.append({"precision": "fp8", **shape, "s": seconds(run)})
    return rows


def sustained():
    """A large product of each precision, cold and once the power limit has set the clock."""
    rows, one = [], torch.ones((), device="cuda")
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    a8, b8 = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn)
    runs = {
        "bf16": lambda: a @ b.T,
        "fp8": lambda: torch._scaled_mm(a8, b8.T, one, one, out_dtype=torch.bfloat16, use_fast_accum=True),
    }
    for precision, run in runs.items():
        time.sleep(HOT_S / 3)
        cold = seconds(run)
        until = time.perf_counter() + HOT_S
        while time.perf_counter() < until:
            seconds(run, 200)
        rows.append({"precision": precision, "cold_s": cold, "sustained_s": seconds(run, 400)})
    return rows


def layers():
    """All products of a layer, forward and both of backward, once the power limit has set the clock."""
    rows = []
    for tokens, hidden, tp in LAYERS:
        shapes = ((3 * hidden // tp, hidden), (hidden, hidden // tp), (4 * hidden // tp, hidden))
        operands = [
            [
                torch.randn(size, device="cuda", dtype=torch.bfloat16)
                for size in ((tokens, k), (n, k), (tokens, n))
            ]
            for n, k in (*shapes, (hidden, 4 * hidden // tp))
        ]

        def run(operands=operands):
            for x, w, _ in operands:
                x @ w.T
            for _, w, dy in operands:
                dy @ w
            for x, _, dy in operands:
                dy.T @ x

        until = time.perf_counter() + HOT_S / 3
        while time.perf_counter() < until:
            seconds(run, 40)
        rows.append({"tokens": tokens, "hidden": hidden, "tp": tp, "s": seconds(run, 100)})
    return rows


def attention():
    """Causal attention, forward alone and with backward."""
    rows = []
    for batch, sequence, heads, kv_heads, dim in HEADS:
        q = torch.randn(batch, heads, sequence, dim, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        k, v = (
            torch.randn(
                batch, kv_heads, sequence, dim, device="cuda", dtype=torch.bfloat16, requires_grad=True
            )
            for _ in range(2)
        )

        def forward(q=q, k=k, v=v):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

        gradient = torch.randn_like(q)

        def both(forward=forward, gradient=gradient):
            forward().backward(gradient)

        shape = {"batch": batch, "sequence": sequence, "heads": heads, "kv_heads": kv_heads, "head_dim": dim}
        rows.append({**shape, "forward_s": seconds(forward), "both_s": seconds(both)})
    return rows


def attention_in_parts():
    """Attention as a rank of a ring of `parts` ranks does it, beside a share of attention at once.

    A rank holds two chunks of tokens, so that all have as much to do. First it attends to its own keys,
    then to those of each other rank: all of its tokens to the first half of an earlier one's keys, its
    second half to all of a later one's. What the parts give is weighed and added, in backward their
    gradients are (as Transformer Engine does it), which `kernels_s` leaves out. Times are means of the
    ranks'; transfers are in none of them.
    """
    rows = []
    for batch, sequence, heads, kv_heads, dim in IN_PARTS:
        shape = {"batch": batch, "sequence": sequence, "heads": heads, "kv_heads": kv_heads, "head_dim": dim}
        whole = _heads(**shape)
        at_once = seconds(lambda whole=whole: _apart(*whole, [(slice(None), slice(None), True)]))
        for parts in (2, 4):
            own = _heads(**shape | {"sequence": sequence // parts})
            turns = [_turns(rank, parts, sequence // parts // 2) for rank in range(parts)]
            kernels = [seconds(lambda own=own, turn=turn: _apart(*own, turn)) for turn in turns]
            spent = [seconds(lambda own=own, turn=turn: _added(*own, turn)) for turn in turns]
            found = {"s": statistics.mean(spent), "kernels_s": statistics.mean(kernels)}
            rows.append({**shape, "parts": parts, **found, "share_s": at_once / parts})
    return rows


def _heads(batch, sequence, heads, kv_heads, head_dim):
    """Queries, keys and values."""
    return [
        torch.randn(batch, count, sequence, head_dim, device="cuda", dtype=torch.bfloat16)
        for count in (heads, kv_heads, kv_heads)
    ]


def _turns(rank, parts, half):
    """What a rank attends to with what: its queries, the keys, and whether only to those before."""
    earlier = (slice(None), slice(0, half), False)
    later = (slice(half, None), slice(None), False)
    return [(slice(None), slice(None), True), *[earlier] * rank, *[later] * (parts - 1 - rank)]


def _forward(q, k, v, turn):
    at, of, causal = turn
    flash = torch.ops.aten._scaled_dot_product_flash_attention
    return flash(q[:, :, at], k[:, :, of], v[:, :, of], 0.0, causal)


def _backward(q, k, v, turn, part, out, weights):
    at, of, causal = turn
    back = torch.ops.aten._scaled_dot_product_flash_attention_backward
    here = q[:, :, at], k[:, :, of], v[:, :, of]
    return back(out, *here, out, weights.contiguous(), *part[2:6], 0.0, causal, *part[6:8])


def _apart(q, k, v, turns):
    """Forward and backward of every turn by itself."""
    for turn in turns:
        part = _forward(q, k, v, turn)
        _backward(q, k, v, turn, part, part[0], part[1])


def _added(q, k, v, turns):
    """Forward and backward of all turns together."""
    parts = [_forward(q, k, v, turn) for turn in turns]
    weights = parts[0][1].clone()
    for (at, _, _), part in zip(turns[1:], parts[1:], strict=True):
        weights[:, :, at] = torch.logaddexp(weights[:, :, at], part[1])
    out = _weighed(parts[0][0], parts[0][1], weights)
    for (at, _, _), part in zip(turns[1:], parts[1:], strict=True):
        out[:, :, at] += _weighed(part[0], part[1], weights[:, :, at])
    out = out.to(q.dtype)
    gradients = [torch.zeros_like(each) for each in (q, k, v)]
    for turn, part in zip(turns, parts, strict=True):
        at, of, _ = turn
        found = _backward(q, k, v, turn, part, out[:, :, at], weights[:, :, at])
        for gradient, more, where in zip(gradients, found, (at, of, of), strict=False):
            gradient[:, :, where] += more


@torch.compile(dynamic=False)
def _weighed(out, own, weights):
    """A part of the values by its share of all weights."""
    return out.float() * torch.exp(own - weights)[..., None]


def memory():
    """Copies in the GPU's memory: bytes read and as many written."""
    rows = []
    for size in (2**24, 2**28, 2**31):
        a = torch.empty(size, dtype=torch.uint8, device="cuda")
        b = torch.empty_like(a)
        rows.append({"bytes": 2 * size, "s": seconds(lambda a=a, b=b: b.copy_(a))})
    return rows


def collectives(rank):
    """All-reduce, all-gather, reduce-scatter and a send between GPUs, by size of the full buffer."""
    rows, ranks = [], dist.get_world_size()
    for size in SIZES:
        full = torch.zeros(size // 2, dtype=torch.bfloat16, device="cuda")
        part = torch.zeros(size // 2 // ranks, dtype=torch.bfloat16, device="cuda")

        def send(full=full):
            operation = dist.isend(full, 1) if rank == 0 else dist.irecv(full, 0)
            operation.wait()

        runs = {
            "all_reduce": lambda full=full: dist.all_reduce(full),
            "all_gather": lambda full=full, part=part: dist.all_gather_into_tensor(full, part),
            "reduce_scatter": lambda full=full, part=part: dist.reduce_scatter_tensor(part, full),
        }
        if ranks == 2:
            runs["p2p"] = send
        rows += [
            {"kind": kind, "ranks": ranks, "bytes": size, "s": seconds(run)} for kind, run in runs.items()
        ]
    return rows


def together(rank, ranks, path, port):
    """What `ranks` GPUs do together; two of them also train."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, RANK=str(rank), WORLD_SIZE=str(ranks))
    os.environ.setdefault("NCCL_NVLS_ENABLE", "0")
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", device_id=torch.device("cuda", rank))
    found = {"collectives": collectives(rank)}
    splits = ("tp", "pp", "dp") if ranks == 2 else ()
    found["steps"] = [{"split": split, **MODEL, "s": train_steps(split, rank)} for split in splits]
    if rank == 0:
        Path(path).write_text(json.dumps(found))
    dist.destroy_process_group()


def main():
    """Measure what there is and write it."""
    path = Path(sys.argv[1])
    found = {
        "gpu": torch.cuda.get_device_name(0),
        "torch": torch.__version__,
        "products": products(),
        "sustained": sustained(),
        "layers": layers(),
        "attention": attention(),
        "attention_in_parts": attention_in_parts(),
        "memory": memory(),
        "steps": [{"split": "none", **MODEL, "s": train_steps("none", 0)}],
    }
    path.write_text(json.dumps(found, indent=1))
    found["collectives"] = []
    for ranks in (2, 4):
        if torch.cuda.device_count() >= ranks:
            part = path.with_suffix(".part")
            mp.spawn(together, (ranks, str(part), str(29570 + ranks)), nprocs=ranks)
            of_part = json.loads(part.read_text())
            part.unlink()
            found["collectives"] += of_part["collectives"]
            found["steps"] += of_part["steps"]
    path.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
