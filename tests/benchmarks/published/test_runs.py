"""Rows of other sources, systems and models are read and predicted."""

from __future__ import annotations

import csv
import re

import pytest

from planner.cost.software import Software
from planner.workload.job import DataParallel, Precision, Recompute, Schedule
from tests.benchmarks.published import __main__ as command
from tests.benchmarks.published.predict import predict
from tests.benchmarks.published.runs import read_runs
from tests.benchmarks.published.shapes import MODELS, cut_of, model_of
from tests.benchmarks.published.software import has_sequence_parallelism, software_of, year_of
from tests.benchmarks.published.systems import cluster_of, system_of

with command.RUNS.open(newline="") as file:
    FIELDS = next(csv.reader(file))
USUAL = {
    "id": "one",
    "source": "a table",
    "framework": "megatron",
    "system": "dgx-h100",
    "gpus": "64",
    "precision": "bf16",
    "model": "llama-3.1-70b",
    "global_batch": "128",
    "micro_batch": "1",
    "seq": "8192",
    "tp": "4",
    "cp": "1",
    "pp": "4",
    "dp_mode": "distributed_optimizer",
    "recompute": "unstated",
    "tflops_per_gpu": "400",
    "flop_count": "causal",
}
ROWS = {
    "mi300x": {"system": "8x MI300X", "tp": "8", "pp": "1"},
    "mi355x": {"system": "mi355x", "gpus": "8", "tp": "1", "pp": "1", "precision": "fp8", "dp_mode": "FSDP2"},
    "v5p": {
        "system": "tpu-v5p-256",
        "framework": "maxtext",
        "tp": "",
        "pp": "",
        "dp_mode": "fsdp",
        "micro_batch": "",
    },
    "v6e": {
        "system": "tpu_v6e",
        "framework": "jax",
        "tp": "1",
        "pp": "1",
        "dp_mode": "fsdp",
        "model": "llama3-8b",
    },
    "kimi": {
        "system": "gb300-nvl72",
        "gpus": "256",
        "precision": "nvfp4",
        "model": "kimi-k2",
        "ep": "64",
        "tp": "1",
    },
    "grok": {"gpus": "512", "model": "grok-1", "cp": "2", "ep": "8", "vp": "2", "global_batch": "1024"},
    "racks of 72": {"system": "gb200-nvl72", "gpus": "144", "tp": "1", "pp": "1", "global_batch": "288"},
    "dualpipe": {
        "model": "deepseek-v3",
        "gpus": "1024",
        "tp": "1",
        "pp": "16",
        "ep": "64",
        "notes": "DualPipe",
    },
    "long": {"gpus": "256", "tp": "8", "cp": "8", "seq": "131072", "dp_mode": "zero-1"},
    "uneven microbatches": {"vp": "4", "global_batch": "40"},
    "no batch divides": {"micro_batch": "8", "global_batch": "20", "recompute": "partial"},
    "older": {"source": "Some paper 2021", "system": "dgx-a100", "precision": "fp16", "model": "gpt-10b"},
}
ROWS["kimi"]["global_batch"], ROWS["dualpipe"]["global_batch"] = "2048", "8192"
ROWS["older"]["notes"] = "hidden size 4096, layers 48; micro batch and interleaving unsaid"


def written(path, **changes):
    """A file of one row."""
    with path.open("w", newline="") as out:
        table = csv.DictWriter(out, FIELDS, restval="")
        table.writeheader()
        table.writerow(USUAL | changes)
    return path


@pytest.mark.parametrize("name", ROWS)
def test_other_rows_are_predicted(name, tmp_path):
    """A share of the peak between a tenth and all comes out, whatever a row leaves blank."""
    (run,) = read_runs(written(tmp_path / "runs.csv", **ROWS[name]))
    found = predict(run, quick=True)
    reached = 400e12 * run.measured_s / found.time.step_s
    assert 0.1 < reached / system_of(run.system, run.gpus).gpu.flops(run.job.precision) < 1


def test_words_of_others_are_understood(tmp_path):
    """Sharding, recomputation and schedules have several names."""
    changes = {
        "dp_mode": "ZeRO-3",
        "recompute": "partial (block)",
        "notes": "zb-v",
        "precision": "FP4 (nvfp4)",
    }
    (run,) = read_runs(written(tmp_path / "runs.csv", **changes))
    job = run.job
    assert (job.data_parallel, job.recompute) == (DataParallel.FSDP, Recompute.SELECTIVE)
    assert (job.schedule, job.precision) == (Schedule.ZB_V, Precision.NVFP4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"system": "dgx-x900"}, "expected a system with one of"),
        ({"model": "unheard-of-9b"}, "a model that ships"),
        ({"gpus": "60"}, "multiples of tp x cp x pp"),
        ({"tflops_per_gpu": ""}, "expected step_s or tflops_per_gpu"),
        ({"global_batch": "2"}, "at least 4, one sample a replica"),
        ({"gpus": "64.5"}, "expected a whole number as gpus"),
        ({"step_s": "0"}, "expected a number above 0 as step_s, got '0'"),
        ({"step_s": "soon"}, "expected a number above 0 as step_s, got 'soon'"),
        ({"global_batch": "4M tokens"}, "expected a number above 0 as global_batch"),
        ({"precision": "int8"}, "expected a precision such as"),
    ],
)
def test_rows_that_make_no_sense_are_named(changes, said, tmp_path):
    """The message says which row, and what was expected."""
    with pytest.raises(ValueError, match=f"run one: .*{said}"):
        read_runs(written(tmp_path / "runs.csv", **changes))


def test_rows_that_make_no_sense_are_left_out(tmp_path, capsys):
    """The others are predicted; the command names what it left out and ends with 3."""
    path = written(tmp_path / "runs.csv", system="dgx-x900")
    path.write_text(path.read_text() + written(tmp_path / "good.csv", id="two").read_text().splitlines()[1])
    assert command.main(["--runs", str(path), "--memory"]) == 3
    printed = capsys.readouterr()
    assert "left out: run one: expected a system" in printed.err
    assert [line.split()[0] for line in printed.out.splitlines()[1:2]] == ["two"]


def test_numbers_of_others_are_understood(tmp_path):
    """Thousands' commas, suffixes, units, and words that say nothing."""
    changes = {
        "model": "llama3-8b",
        "gpus": "1,024",
        "global_batch": "1_536",
        "seq": "8K",
        "micro_batch": "unstated",
        "vp": "-",
        "cp": "n/a",
        "step_s": "12.5 s",
    }
    (run,) = read_runs(written(tmp_path / "runs.csv", **changes))
    assert (run.gpus, run.job.global_batch, run.job.sequence) == (1024, 1536, 8192)
    assert (run.measured_s, run.job.mesh.cp) == (12.5, 1)
    assert {job.micro_batch for job in run.choices} == {1, 2, 4}


def test_columns_may_be_missing(tmp_path):
    """What a table leaves out is unsaid; what nothing can be predicted without is asked for."""
    path = tmp_path / "runs.csv"
    path.write_text(
        "\ufeffID,Source,System,GPUs,Model,Global_batch,Seq,Step_s\na,x,H100,8,llama3-8b,128,8192,9\n"
    )
    (run,) = read_runs(path)
    assert (run.id, run.measured_s, run.job.precision) == ("a", 9.0, Precision.BF16)
    path.write_text("id,model\na,llama3-8b\n")
    with pytest.raises(ValueError, match="run a: expected a column gpus"):
        read_runs(path)


def test_a_file_that_cannot_be_read(tmp_path, capsys):
    """The command says so, without a traceback."""
    with pytest.raises(SystemExit) as outcome:
        command.main(["--runs", str(tmp_path / "nothing.csv")])
    assert outcome.value.code == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_whole_batch_may_be_one_microbatch(tmp_path):
    """Where parameters are gathered for each, one of eight samples is tried, whatever else is left."""
    changes = {"gpus": "992", "tp": "8", "pp": "1", "global_batch": "1024", "micro_batch": ""}
    (run,) = read_runs(written(tmp_path / "runs.csv", **changes, dp_mode="FSDP", recompute="full"))
    assert {job.micro_batch for job in run.choices} == {1, 2, 4, 8}


def test_unsaid_virtual_stages_have_as_many_layers_each(tmp_path):
    """Those of 96 layers over 8 stages are divisors of 12; of 126 layers embedding and loss count as two."""
    changes = {"gpus": "64", "tp": "8", "pp": "8", "global_batch": "64", "vp": ""}
    shape = changes | {"notes": "hidden 2048, layers 96", "model": "gpt"}
    (even,) = read_runs(written(tmp_path / "runs.csv", **shape))
    assert {job.mesh.vp for job in even.choices} == {1, 2, 3, 4, 6, 12}
    (ends,) = read_runs(written(tmp_path / "runs.csv", **changes, model="llama-3.1-405b"))
    assert {job.mesh.vp for job in ends.choices} == {1, 2, 4, 8, 16}


def test_scripts_say_what_a_table_does_not(tmp_path):
    """Microbatch and virtual stages of SC21's runs; a table that says them stands."""
    changes = {
        "source": "Narayanan et al. 2021 (SC21), table 1",
        "system": "dgx-a100",
        "gpus": "1536",
        "model": "gpt-145b",
        "global_batch": "2304",
        "tp": "8",
        "pp": "8",
        "seq": "2048",
        "dp_mode": "ddp",
        "notes": "hidden 12288, layers 80; micro batch and interleaving not stated",
    }
    (unsaid,) = read_runs(written(tmp_path / "runs.csv", **changes))
    assert {(job.micro_batch, job.mesh.vp) for job in unsaid.choices} == {(2, 2)}
    said = changes | {"notes": "hidden 12288, layers 80", "vp": "5"}
    (run,) = read_runs(written(tmp_path / "runs.csv", **said))
    assert {(job.micro_batch, job.mesh.vp) for job in run.choices} == {(1, 5)}


def test_software_gets_better_with_the_years():
    """What each of three years could do, and which later sources launch kernels one by one."""
    old, later, new = (software_of(f"Paper {year}", pipelined=True) for year in (2021, 2022, 2025))
    assert not (old.beside_weights)
    assert not (old.fuses_gradients)
    assert not (old.overlaps)
    assert not (later.overlaps)
    assert later.beside_weights
    assert later.fuses_gradients
    assert not later.fused_attention
    assert new == Software()
    assert not software_of("Megatron-Core 0.8 table", pipelined=True).replays
    assert software_of("Paper 2021", pipelined=False).reduces_early
    assert not old.reduces_early
    assert [each.norms_once for each in (old, later, new)] == [False, True, True]


def test_kernels_were_launched_until_2024():
    """Except for compiled programs and MLPerf's submissions; sources without a year are later ones."""

    def replays(source, framework="megatron"):
        return software_of(source, framework, pipelined=True).replays

    assert not replays("Paper 2024")
    assert not replays("DeepSeek-V3 2412.19437")
    assert replays("Paper 2025")
    assert replays("Paper")
    assert replays("Paper 2024", "MaxText")
    assert replays("MLPerf Training 2024")


def test_experts_are_replayed_where_recipes_say_so():
    """Those of Megatron-Bridge for GB200 and GB300; other models and sources are not asked."""

    def replays(system, source="Megatron-Bridge performance summary", moe=True):
        return software_of(source, "megatron", system, pipelined=True, moe=moe).replays

    assert replays("gb300-nvl72")
    assert replays("GB200_NVL72")
    assert not replays("dgx-b300")
    assert not replays("dgx-h100")
    assert replays("dgx-h100", moe=False)
    assert replays("dgx-h100", source="Paper 2025")


def test_years_of_sources():
    """A source's year, its arXiv number's, that of a name; a later one where nothing says it."""
    named = {"Paper 2021": 2021, "arXiv 2205.05198": 2022, "BLOOM report": 2022, "OPT-175B logbook": 2022}
    assert [year_of(source) for source in named] == list(named.values())
    assert year_of("Optimizing something, v4.1") > 2022


def test_forks_had_stayed_behind():
    """Runs of 2022 by a fork of Megatron-LM have what it had in 2021, and no sequence parallelism."""
    fork = software_of("Paper 2022", "Megatron-DeepSpeed", pipelined=True)
    assert fork == software_of("Paper 2021", pipelined=True)
    assert not has_sequence_parallelism("Paper 2022", "megatron-deepspeed", "")
    assert has_sequence_parallelism("Paper 2022", "megatron", "")
    assert not has_sequence_parallelism("Paper 2022", "megatron", "no sequence parallelism")
    assert software_of("Paper 2025", "deepspeed", pipelined=True) == Software()
    assert not software_of("Paper 2024", "torchtitan", pipelined=False).replays


def test_names_of_models():
    """Spelling and versions of a line do not matter, size does."""
    names = ("Llama3_405B", "llama-3.1-405b", "qwen3-235b", "DeepSeek-V3", "gpt-oss-120b", "GPT3-175B")
    expected = ["llama-3.1-405b"] * 2 + ["qwen3-235b-a22b", "deepseek-v3", "gpt-oss-120b", "gpt3-175b"]
    assert [model_of(name, "").name for name in names] == expected
    others = ("Llama2-70B", "mixtral_8x7b", "Qwen3-30B", "MT-NLG 530B", "llama-70b")
    expected = ["llama-2-70b", "mixtral-8x7b", "qwen3-30b-a3b", "mt-nlg-530b", "llama-3.1-70b"]
    assert [model_of(name, "").name for name in others] == expected
    assert [model_of(name, "").name for name in ("DSv3", "DeepSeek R1 671B")] == ["deepseek-v3"] * 2
    with pytest.raises(ValueError, match="llama-3-13b"):
        model_of("llama-3-13b", "")


def test_models_of_others_have_their_size():
    """Parameters of every model that only the tables know, in billions as its name has them."""
    sizes = {"8x7b": 46.7, "8x22b": 140.6}
    for path in MODELS.glob("*.yaml"):
        named = path.stem.split("-")
        said = next((sizes[each] for each in named if each in sizes), None)
        said = said or next(float(each[:-1]) for each in named if re.fullmatch(r"\d+b", each))
        assert model_of(path.stem, "").parameters == pytest.approx(said * 1e9, rel=0.08), path.stem


@pytest.mark.parametrize(
    "notes",
    [
        "hidden 6144, layers 44, heads 48",
        "no sequence parallelism; hidden 6144 layers 44 heads 48 vocab 51200",
        "44 layers, hidden size of 6144, 48 attention heads",
        "num_layers=44; hidden_size=6144; num_heads=48",
    ],
)
def test_shapes_in_notes(notes):
    """Names before their numbers or after, with all sorts of signs between them."""
    model = model_of("gpt-20b", notes)
    assert (model.layers, model.hidden, model.heads) == (44, 6144, 48)


def test_cuts_of_recipes():
    """Those of Megatron-Bridge's DeepSeek-V3: embedding and 4 or 8 layers, at the end module and loss."""
    model = model_of("deepseek-v3", "")
    assert cut_of(model, 8) == (8, 8, 8, 8, 8, 8, 8, 5)
    assert cut_of(model, 16) == (*[4] * 15, 1)
    assert cut_of(model, 32) == (1, *[2] * 30, 0)
    assert cut_of(model_of("llama-3.1-8b", ""), 8) is None


def test_clusters():
    """Racks of 64 or 72, nodes of eight or fewer, slices of TPUs as one domain."""
    assert [system_of("gb300-nvl72", gpus).scale_up for gpus in (64, 72, 144, 576)] == [64, 72, 72, 64]
    assert len(cluster_of("dgx-h100", 4).gpu_kind) == 4
    assert system_of("tpu7x-256", 256).scale_up == 256


def test_names_of_systems():
    """Counts, machines and spellings; versions of a GPU differ in what they are known to."""
    names = ("8xH100", "p5.48xlarge", "NVIDIA H200 SXM", "TPUv6e-256", "trillium", "tpu v5p-512", "Ironwood")
    expected = ["h100", "h100", "h200", "tpu-v6e", "tpu-v6e", "tpu-v5p", "tpu7x"]
    assert [system_of(name, 8).gpu.name for name in names] == expected
    assert system_of("8x H800", 8).gpu.scale_up_bytes_per_s == 200e9
    assert system_of("A100-SXM4-40GB", 8).gpu.memory_bytes == 40e9
    assert system_of("A100 80GB", 8).gpu.memory_bytes == 80e9
    assert system_of("tpu-v4-128", 128).gpu.flops("bf16") == 275e12
