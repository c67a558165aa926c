"""How layers are cut into the chunks of a pipeline so that its slowest stage is as fast as can be.

Of all cuts whose stages fit in memory the one is taken

1. whose slowest stage takes the least time for one microbatch, all its chunks and passes together,
2. of those, whose slowest chunk takes the least,
3. of those, whose round trips cost least, where schedules limit what is under way,
4. of those, that moves the fewest layers from the even cut.

Where every stage holds one chunk, a dynamic programme finds it (`planner.cost.cut_straight`). Chunks that
share a stage bind parts of the model that do not follow one another; then CP-SAT looks for it and says
whether it has proven that there is no better one (`planner.cost.cut_wound`).

Stage p of pp stages has ``pp - p`` microbatches under way in 1F1B and ZB-H1: a forward waits for the
backward of the microbatch that came so many before it, which has been to the last stage and back. So a
microbatch costs at least each of these round trips by those that are under way. What is sent between stages
counts in them, most near the end, where the fewest are under way: light stages belong there.

A chunk has at least one layer, but the first, which also has the embedding, and the last, which has the
head, may have none: a stage with nothing to do would only pass on what it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cost.cut_straight import cut_straight
from planner.cost.cut_wound import cut_wound
from planner.cost.loads import Cut

if TYPE_CHECKING:
    from planner.cost.loads import Loads


def cut_layers(loads: Loads) -> Cut:
    """The best cut.

    There is none either where what is pinned leaves too few layers for the other chunks.
    """
    if sum(loads.span(chunk)[0] for chunk in range(loads.chunks)) > loads.layers:
        return Cut(None)
    if max(map(len, loads.held)) == 1:
        return Cut(cut_straight(loads))
    return cut_wound(loads)
