"""From a file to a workload."""

import pytest

from planner.errors import InputError
from planner.library import shipped
from planner.workload.load import build_workload, job_of, load_workload

LLAMA = """\
format_version: 1
name: mine
model: llama-3.1-8b
parallelism: {tp: 2, dp: 4, pp: 2}
batch: {global: 64, micro: 2, sequence: 4096}
"""


@pytest.fixture
def written(tmp_path):
    """Writes a file and returns its path."""

    def write(text, name="job.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_defaults(written):
    """What the file leaves out is filled in, and the description says so."""
    workload = load_workload(written(LLAMA))
    said = workload.description
    assert said["precision"] == "bf16"
    assert said["gradients"] == "fp32"
    assert said["data_parallel"] == "distributed_optimizer"
    assert said["recompute"] == "selective"
    assert said["schedule"] == "1f1b"
    assert said["rank_order"] == "tp-cp-ep-dp-pp"
    assert said["model"]["hidden"] == 4096
    assert len(workload.memory_bytes) == 2


@pytest.mark.parametrize(
    ("line", "gradients"),
    [
        ("precision: fp16", "fp16"),
        ("precision: fp32", "fp32"),
        ("data_parallel: fsdp", "bf16"),
        ("{data_parallel: fsdp, precision: fp32}", "fp32"),
    ],
)
def test_gradients_by_default(written, line, gradients):
    """Gradients are FP32 but for FP16 and for fsdp, which keeps them as it keeps parameters."""
    text = LLAMA + line.strip("{}").replace(", ", "\n") + "\n"
    assert load_workload(written(text)).description["gradients"] == gradients


def test_virtual_stages_are_interleaved_by_default(written):
    """vp above 1 means the interleaved schedule."""
    workload = load_workload(written(LLAMA.replace("pp: 2", "pp: 2, vp: 4")))
    assert workload.description["schedule"] == "interleaved"


def test_axes_left_out_of_the_order_come_last(written):
    """Only axes of degree 1 may be left out, so where they stand is no matter."""
    workload = load_workload(written(LLAMA + "rank_order: tp-pp-dp\n"))
    assert workload.mesh.rank_order == ("tp", "pp", "dp", "cp", "ep")


@pytest.mark.parametrize("name", shipped("workload"))
def test_description_makes_the_same_workload(name):
    """A workload is rebuilt from its description alone."""
    workload = load_workload(name)
    again = build_workload(workload.description)
    assert (again.mesh, again.families, again.keep) == (workload.mesh, workload.families, workload.keep)
    assert again.memory_bytes == workload.memory_bytes
    assert again.description == workload.description


def test_model_beside_the_workload(written):
    """A model's path starts from the workload's folder."""
    written("name: tiny\nlayers: 4\nhidden: 64\nffn: 256\nheads: 4\nvocab: 1000\n", "tiny.yaml")
    workload = load_workload(written(LLAMA.replace("llama-3.1-8b", "tiny.yaml")))
    assert workload.description["model"]["name"] == "tiny"


def test_mistake_in_a_model_file(written):
    """The mistake is shown where it is: in the model's file."""
    written("name: tiny\nlayers: 4\nhidden: 64\nffn: 256\nheads: 5\nvocab: 1000\n", "tiny.yaml")
    with pytest.raises(InputError) as error:
        load_workload(written(LLAMA.replace("llama-3.1-8b", "tiny.yaml")))
    [problem] = error.value.problems
    assert (problem.code, problem.position.line) == ("W001", 5)
    assert problem.position.file.endswith("tiny.yaml")


def test_mistakes_beside_an_unknown_model(written):
    """An unknown model hides no other mistake."""
    with pytest.raises(InputError) as error:
        load_workload(written(LLAMA.replace("8b", "9b").replace("dp: 4", "dp: 4, ep: 3")))
    assert [p.code for p in error.value.problems] == ["F001", "W012"]


def test_included_workload(written):
    """Keys of the including file replace those of its base."""
    workload = load_workload(written("include: llama-405b-8192\nname: mine\nkeep: {tp: rack}\n"))
    assert (workload.name, workload.keep, workload.mesh.pp) == ("mine", {"tp": "rack"}, 16)


def test_positions_of_rules(written):
    """A workload knows where each rule stands, for later messages."""
    workload = load_workload(written(LLAMA + "keep: {tp: node}\n"))
    assert (workload.keep_positions["tp"].line, workload.keep_positions["tp"].column) == (6, 12)


def test_plain_data_with_a_mistake():
    """Plain data is checked as a file is, under the name given."""
    with pytest.raises(InputError) as error:
        build_workload({"format_version": 1, "name": "x", "parallelism": {"dp": 2}}, "stored workload")
    [problem] = error.value.problems
    assert (problem.code, problem.position.file) == ("W010", "stored workload")


def test_job_behind_a_workload():
    """The job is that of the file; there is none where traffic is given outright."""
    job = job_of(load_workload("moe-6t-220k"))
    assert (job.num_microbatches, job.mesh.ep, job.model.experts.count) == (16, 72, 576)
    assert job_of(load_workload("grid-36x80")) is None


def test_documented_example(written):
    """The example of the documentation loads, and every stage fits a GPU of 80 GB."""
    text = """\
format_version: 1
name: llama-405b
model: llama-3.1-405b
parallelism: {tp: 8, cp: 1, ep: 1, pp: 16, vp: 1, dp: 64}
batch: {global: 2048, micro: 1, sequence: 8192}
precision: bf16
data_parallel: distributed_optimizer
recompute: selective
schedule: interleaved
sequence_parallel: true
rank_order: tp-cp-ep-dp-pp
keep: {tp: node}
"""
    workload = load_workload(written(text))
    assert workload.mesh.world_size == 8192
    assert max(workload.memory_bytes) < 80e9


def test_sizes_that_give_more_than_any_machine_moves(written):
    """A model far too large is refused at its key, whatever follows from it."""
    size = 2**40
    model = f"{{name: m, layers: 4, hidden: {size}, ffn: {size}, heads: 8, vocab: {size}}}"
    with pytest.raises(InputError) as caught:
        load_workload(written(LLAMA.replace("llama-3.1-8b", model)))
    assert [(each.code, each.position.line) for each in caught.value.problems] == [("V005", 3)]
