"""A small transformer and one training step of it on one GPU, or on two by tp, pp or dp."""

from __future__ import annotations

import statistics
import time
from functools import cache

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional

MODEL = {
    "layers": 8,
    "hidden": 4096,
    "ffn": 14336,
    "heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "vocab": 32768,
    "sequence": 4096,
    "global_batch": 8,
    "micro_batch": 1,
}
# Steps that are timed, after so many others: the first compile, and power limits then set clocks.
STEPS, WARM_STEPS = 12, 50


class _Copy(torch.autograd.Function):
    """Into a tensor-parallel region: gradients are summed on the way back."""

    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient


class _Sum(torch.autograd.Function):
    """Out of a tensor-parallel region: activations are summed on the way forward."""

    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def enter(x, tp):
    """Enter a tensor-parallel region."""
    return _Copy.apply(x) if tp > 1 else x


def leave(x, tp):
    """Leave it."""
    return _Sum.apply(x) if tp > 1 else x


def linear(inputs, outputs):
    """A projection in bf16 on the GPU."""
    return nn.Linear(inputs, outputs, bias=False, device="cuda", dtype=torch.bfloat16)


class Attention(nn.Module):
    """The part between two collectives: projections and attention of this GPU's heads."""

    def __init__(self, tp):
        super().__init__()
        self.heads, self.kv_heads, self.dim = MODEL["heads"] // tp, MODEL["kv_heads"] // tp, MODEL["head_dim"]
        self.qkv = linear(MODEL["hidden"], (self.heads + 2 * self.kv_heads) * self.dim)
        self.out = linear(self.heads * self.dim, MODEL["hidden"])

    def forward(self, x):
        """Attend."""
        batch, sequence, _ = x.shape
        split = [self.heads * self.dim, self.kv_heads * self.dim, self.kv_heads * self.dim]
        q, k, v = (
            part.view(batch, sequence, -1, self.dim).transpose(1, 2)
            for part in self.qkv(x).split(split, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.out(mixed.transpose(1, 2).reshape(batch, sequence, -1))


class FeedForward(nn.Module):
    """A gated FFN, this GPU's slice of it."""

    def __init__(self, tp):
        super().__init__()
        inner = MODEL["ffn"] // tp
        self.up = linear(MODEL["hidden"], 2 * inner)
        self.down = linear(inner, MODEL["hidden"])

    def forward(self, x):
        """Apply it."""
        gate, value = self.up(x).chunk(2, dim=-1)
        return self.down(functional.silu(gate) * value)


class Norm(nn.Module):
    """RMSNorm."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(MODEL["hidden"], device="cuda", dtype=torch.bfloat16))

    def forward(self, x):
        """Norm."""
        return functional.rms_norm(x, x.shape[-1:], self.weight)


class Layer(nn.Module):
    """One layer; what lies between collectives is compiled."""

    def __init__(self, tp):
        super().__init__()
        self.tp = tp
        self.before_attention, self.before_ffn = torch.compile(Norm()), torch.compile(Norm())
        self.attention, self.ffn = torch.compile(Attention(tp)), torch.compile(FeedForward(tp))

    def forward(self, x):
        """Attention and FFN, each beside a residual."""
        x = x + leave(self.attention(enter(self.before_attention(x), self.tp)), self.tp)
        return x + leave(self.ffn(enter(self.before_ffn(x), self.tp)), self.tp)


class Part(nn.Module):
    """The layers of one stage, with embedding and head where they belong."""

    def __init__(self, layers, *, first, last, tp=1):
        super().__init__()
        self.embedding = None
        if first:
            self.embedding = nn.Embedding(
                MODEL["vocab"], MODEL["hidden"], device="cuda", dtype=torch.bfloat16
            )
        self.layers = nn.ModuleList([Layer(tp) for _ in range(layers)])
        self.norm, self.head = (Norm(), linear(MODEL["hidden"], MODEL["vocab"])) if last else (None, None)

    def forward(self, x, targets=None):
        """What goes to the next stage, or the loss."""
        if self.embedding is not None:
            x = self.embedding(x)
        for layer in self.layers:
            x = layer(x)
        if self.head is None:
            return x
        logits = self.head(self.norm(x)).float()
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def tokens():
    """A microbatch of random tokens."""
    return torch.randint(MODEL["vocab"], (MODEL["micro_batch"], MODEL["sequence"]), device="cuda")


def train_steps(split, rank):
    """Median seconds of one training step of the model split this way over two GPUs, or not split."""
    torch.manual_seed(1)
    layers = MODEL["layers"]
    if split == "pp":
        part = Part(layers // 2, first=rank == 0, last=rank == 1)
    else:
        part = Part(layers, first=True, last=True, tp=2 if split == "tp" else 1)
    wrapped = nn.parallel.DistributedDataParallel(part, bucket_cap_mb=100) if split == "dp" else part
    optimizer = torch.optim.AdamW(part.parameters(), lr=1e-4, fused=True)
    run = {"pp": pipelined, "dp": replicated}.get(split, accumulated)
    spent = [_timed(run, wrapped, optimizer, rank) for _ in range(WARM_STEPS + STEPS)]
    del part, wrapped, optimizer
    torch.cuda.empty_cache()
    return statistics.median(spent[WARM_STEPS:])


def _timed(run, part, optimizer, rank):
    """Seconds of one step."""
    torch.cuda.synchronize()
    if dist.is_initialized():
        dist.barrier()
    torch.cuda.synchronize()
    start = time.perf_counter()
    run(part, rank)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    return time.perf_counter() - start


def accumulated(part, rank):
    """All microbatches one after the other."""
    for _ in range(MODEL["global_batch"] // MODEL["micro_batch"]):
        part(tokens(), tokens()).backward()


def replicated(part, rank):
    """Half of the microbatches on each GPU, gradients joined in the last one's backward."""
    each = MODEL["global_batch"] // MODEL["micro_batch"] // 2
    with part.no_sync():
        for _ in range(each - 1):
            part(tokens(), tokens()).backward()
    part(tokens(), tokens()).backward()


def pipelined(part, rank):
    """1F1B over two stages; each direction has a communicator of its own, so that none blocks the other."""
    count = MODEL["global_batch"] // MODEL["micro_batch"]
    down, up = _directions()
    sent = []

    def received(source, group):
        x = torch.empty(
            (MODEL["micro_batch"], MODEL["sequence"], MODEL["hidden"]), device="cuda", dtype=torch.bfloat16
        )
        dist.recv(x, source, group=group)
        return x

    def send(x, target, group):
        sent.append((x, dist.isend(x, target, group=group)))

    waiting = []
    for index in range(count + 1 if rank == 0 else count):
        if rank == 1:
            x = received(0, down).requires_grad_()
            part(x, tokens()).backward()
            send(x.grad, 0, up)
            continue
        if index < count:
            waiting.append(part(tokens()))
            send(waiting[-1].detach(), 1, down)
        if index > 0:
            waiting.pop(0).backward(received(1, up))
    for _, request in sent:
        request.wait()


@cache
def _directions():
    """Communicators from the first stage to the second, and back."""
    return dist.new_group([0, 1]), dist.new_group([0, 1])
