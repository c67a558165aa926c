"""A small training job: tensor-, pipeline- and data-parallel groups over gloo, in Megatron's rank order.

Each stage is a stack of two-layer perceptrons, split over the tensor group as Megatron-LM splits them: one
all-reduce forward and one backward a layer and micro-batch. Stages pass activations on and gradients back;
replicas sum their gradients. Rank 0 prints the median time of a step as JSON.

It reads RANK, WORLD_SIZE and MASTER_ADDR, as launchers and wrappers set them for PyTorch.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time

TP, DP, PP = 4, 2, 2
HIDDEN, TOKENS, LAYERS, MICRO_BATCHES = 128, 256, 6, 2
WARM_UP, STEPS = 1, 3
FLOAT = 4


def traffic():
    """Bytes a step of each family of groups, as a workload file states them."""
    activation = TOKENS * HIDDEN * FLOAT
    return {
        "tp": 2 * LAYERS * MICRO_BATCHES * activation,
        "pp": 2 * MICRO_BATCHES * activation,
        "dp": LAYERS * 2 * HIDDEN * (4 * HIDDEN // TP) * FLOAT,
    }


class Stage:
    """A rank's part of one pipeline stage."""

    def __init__(self, torch, tensor_group):
        self.torch, self.group = torch, tensor_group
        torch.manual_seed(0)
        ffn = 4 * HIDDEN // TP
        shapes = [(HIDDEN, ffn), (ffn, HIDDEN)] * LAYERS
        self.weights = [torch.randn(shape) * 0.02 for shape in shapes]
        self.gradients = [torch.zeros(shape) for shape in shapes]

    def forward(self, x):
        """Activations that leave the stage, and what its backward pass needs."""
        kept = []
        for up, down in self._layers():
            inner = (x @ up).relu()
            kept.append((x, inner))
            out = inner @ down
            self.torch.distributed.all_reduce(out, group=self.group)
            x = x + out
        return x, kept

    def backward(self, gradient, kept):
        """The gradient of what came into the stage; adds up those of its weights."""
        for layer in reversed(range(LAYERS)):
            up, down = self.weights[2 * layer : 2 * layer + 2]
            x, inner = kept[layer]
            of_inner = (gradient @ down.T) * (inner > 0)
            self.gradients[2 * layer] += x.T @ of_inner
            self.gradients[2 * layer + 1] += inner.T @ gradient
            of_x = of_inner @ up.T
            self.torch.distributed.all_reduce(of_x, group=self.group)
            gradient = gradient + of_x
        return gradient

    def _layers(self):
        return [self.weights[i : i + 2] for i in range(0, 2 * LAYERS, 2)]


def groups(torch, rank):
    """A rank's tensor and data group, and the ranks before and after it in its pipeline."""
    new = torch.distributed.new_group
    stride = TP * DP
    tensor = [new(list(range(first, first + TP))) for first in range(0, stride * PP, TP)][rank // TP]
    replicas = [
        new([stage * stride + replica * TP + shard for replica in range(DP)])
        for stage in range(PP)
        for shard in range(TP)
    ]
    return tensor, replicas[rank // stride * TP + rank % TP], rank - stride, rank + stride


def step(torch, stage, data_group, before, after):
    """All micro-batches forward, all backward, then the sum over replicas."""
    kept, world = [], TP * DP * PP
    for _ in range(MICRO_BATCHES):
        x = torch.ones(TOKENS, HIDDEN)
        if before >= 0:
            torch.distributed.recv(x, before)
        x, inside = stage.forward(x)
        kept.append(inside)
        if after < world:
            torch.distributed.send(x, after)
    for inside in reversed(kept):
        gradient = torch.ones(TOKENS, HIDDEN)
        if after < world:
            torch.distributed.recv(gradient, after)
        gradient = stage.backward(gradient, inside)
        if before >= 0:
            torch.distributed.send(gradient, before)
    flat = torch.cat([each.flatten() for each in stage.gradients])
    torch.distributed.all_reduce(flat, group=data_group)


def main():
    """Train a few steps; rank 0 reports."""
    import torch
    import torch.distributed

    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    torch.distributed.init_process_group("gloo")
    tensor, data, before, after = groups(torch, rank)
    stage = Stage(torch, tensor)
    times = []
    for _ in range(WARM_UP + STEPS):
        torch.distributed.barrier()
        start = time.monotonic()
        step(torch, stage, data, before, after)
        torch.distributed.barrier()
        times.append(time.monotonic() - start)
    if rank == 0:
        report = {"step_s": statistics.median(times[WARM_UP:]), "steps_s": times}
        sys.stdout.write(f"{json.dumps(report)}\n")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
