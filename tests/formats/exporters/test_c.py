"""The map for programs in C, as programs in C see it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from planner.cost.order import job_order
from planner.errors import UsageError
from planner.formats.exporters.c import MAP, PATCH, export, export_changes
from planner.formats.jobside import program
from planner.formats.writing.c_map.layout import HEADER, SECTIONS, sealed
from planner.formats.writing.rank_table import to_csv
from planner.placement.file import input_digests
from planner.placement.groups import groups_along
from planner.placement.placement import Claims, Objective, Placement, Status
from planner.placement.spares import nearest_spares
from planner.topology.load import load_topology
from planner.workload.load import job_of, load_workload
from tests.builders import claimed, grid_cluster, grid_workload
from tests.cost.jobs import placed
from tests.formats.compiled import LANGUAGES, SOURCES, compile_program, needs_gcc, run_program
from tests.formats.jobs import irregular, regular

pytestmark = needs_gcc
LITTLE, BIG = {"byte-order": "little"}, {"byte-order": "big"}
AXES = (("tp",), ("cp",), ("ep",), ("edp",), ("dp",), ("pp",), ("cp", "dp"))
OK = "all is well"
OTHER_ENDIAN = "the file was written for the other byte order"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compile a program of `SOURCES` by its name, once a module and language."""
    folder = tmp_path_factory.mktemp("programs")
    for header in ("planner_map.h", "planner_patch.h"):
        (folder / header).write_bytes(program(header))

    @cache
    def made(name, language="c11"):
        return compile_program(SOURCES / f"{name}.c", folder, folder, language)

    return made


def written(placement, folder, options=LITTLE):
    """The folder of an export."""
    folder.mkdir(exist_ok=True)
    for name, content in export(placement, options).files.items():
        (folder / name).write_bytes(content)
    return folder


def scattered(cluster, workload, seed=1):
    """A job on GPUs drawn from those in service."""
    live = np.flatnonzero(cluster.gpu_in_service).astype(np.int32)
    drawn = np.random.default_rng(seed).permutation(live)[: workload.mesh.world_size]
    # What is claimed of a placement is no part of its map.
    return Placement(cluster, workload, drawn, Claims(Objective.WEIGHTED, 0.0, 0.0, Status.FEASIBLE, 0.0, ()))


def folded(order=("tp", "cp", "ep", "dp", "pp")):
    """A job with every axis, on some of the GPUs of three racks."""
    workload = grid_workload(tp=2, cp=2, ep=6, dp=6, pp=3, vp=2, order=order)
    return scattered(grid_cluster(3, 4, 8, nics=4, down=(3, 60), spare=(8, 9)), workload)


def beside(placement):
    """What `print_ranks beside` prints: one line a rank."""
    cluster, mesh, gpus = placement.cluster, placement.workload.mesh, placement.gpu_of_rank
    spares, node = nearest_spares(placement), cluster.gpu_node[gpus]
    seen, local = {}, []
    for each in node.tolist():
        seen[each] = seen.get(each, -1) + 1
        local.append(seen[each])
    members = groups_along(mesh, ("pp",)).members
    before, after = np.full(len(gpus), -1), np.full(len(gpus), -1)
    if mesh.pp > 1:
        before[members[:, 1:]], after[members[:, :-1]] = members[:, :-1], members[:, 1:]
    if mesh.vp > 1:
        before[members[:, 0]], after[members[:, -1]] = members[:, -1], members[:, 0]
    layers = placement.workload.description.get("model", {}).get("layers", 0) // mesh.pp
    columns = (cluster.gpu_rail[gpus], local, gpus, [layers] * len(gpus), before, after)
    table = np.stack((*columns, spares.gpu, spares.off_host, np.ones_like(gpus)), axis=1)
    return "".join(" ".join(map(str, row)) + "\n" for row in table.tolist())


def hosts(placement):
    """What `print_ranks hosts` prints."""
    names, held = placement.cluster.host_names, {}
    for rank, node in enumerate(placement.cluster.gpu_node[placement.gpu_of_rank].tolist()):
        held.setdefault(node, []).append(str(rank))
    return "".join(f"{' '.join([names[node], *held.get(node, [])])}\n" for node in by_name(names))


def by_name(names):
    """Indices of names in the order of their bytes."""
    return sorted(range(len(names)), key=lambda node: names[node].encode())


def table(placement):
    """What `print_ranks table` prints."""
    return "".join(f"{row.rpartition(',')[0]}\n" for row in to_csv(placement).splitlines()[1:])


def require_all(placement, compiled, folder, language="c11"):
    """Every rank, host and group of a placement is in its map as it is in the placement."""
    written(placement, folder)
    show = compiled("print_ranks", language)
    assert run_program(show, "table", folder / MAP) == (0, table(placement), "")
    assert run_program(show, "beside", folder / MAP)[:2] == (0, beside(placement))
    assert run_program(show, "hosts", folder / MAP)[:2] == (0, hosts(placement))
    groups = compiled("check_groups", language)
    for number, axes in enumerate(AXES):
        members = groups_along(placement.workload.mesh, axes).members
        members.astype(np.uint32).tofile(folder / "members")
        count, size = members.shape
        found = run_program(groups, folder / MAP, number, folder / "members")
        assert found == (0, f"{count} groups of {size}\n", ""), axes


def flagship():
    """The flagship's job with its ranks anywhere."""
    cluster, workload = load_topology("gb300-220k"), load_workload("moe-6t-220k")
    return scattered(cluster, workload)


@pytest.mark.slow
def test_every_rank_of_the_flagship(compiled, tmp_path):
    """220,032 rows are what the rank table says."""
    placement = flagship()
    written(placement, tmp_path)
    show = compiled("print_ranks")
    assert run_program(show, "table", tmp_path / MAP) == (0, table(placement), "")
    assert run_program(show, "hosts", tmp_path / MAP)[:2] == (0, hosts(placement))
    groups = compiled("check_groups")
    for number, axes in enumerate(AXES):
        groups_along(placement.workload.mesh, axes).members.astype(np.uint32).tofile(tmp_path / "members")
        assert run_program(groups, tmp_path / MAP, number, tmp_path / "members")[0] == 0, axes


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rank_in_every_language(language, compiled, tmp_path):
    """C11, C11 with its accesses checked, C++11: the same, without a warning."""
    require_all(folded(), compiled, tmp_path, language)


ORDERS = [("dp", "ep", "tp", "cp", "pp"), ("pp", "dp", "cp", "tp", "ep"), ("cp", "tp", "pp", "dp", "ep")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_groups_in_any_rank_order(order, compiled, tmp_path):
    """Expert groups are folded in the order that cp and dp have."""
    require_all(folded(order), compiled, tmp_path)


@pytest.mark.parametrize(
    "placement",
    [irregular(), irregular(nics=0), regular(hosts=1)],
    ids=["holes", "no-nics", "one-host"],
)
def test_hosts_of_any_shape(placement, compiled, tmp_path):
    """Holes among GPUs, no NIC, a single host."""
    require_all(placement, compiled, tmp_path)


def test_layers_are_those_of_the_model(compiled, tmp_path):
    """Stages of a job with a model say how many layers they hold."""
    require_all(placed(), compiled, tmp_path)


@pytest.mark.parametrize("schedule", ["1f1b", "zb-v", "dualpipe"])
def test_every_stage_does_what_was_checked(schedule, compiled, tmp_path):
    """Operations in their order: kind, chunk, microbatch, peer, collective."""
    placement = placed(schedule=schedule)
    written(placement, tmp_path)
    made = job_order(job_of(placement.workload), placement.workload.families)
    expected = "".join(
        f"{stage} {each.kind:d} {each.chunk} {each.microbatch} {each.peer} {each.family}\n"
        for stage in range(2)
        for each in made.operations(stage)
    )
    assert run_program(compiled("print_ranks"), "order", tmp_path / MAP) == (0, expected, "")


WAYS = {"1f1b": (1, [[0], [1], [2], [3]]), "interleaved": (2, [[0, 4], [1, 5], [2, 6], [3, 7]])}
WAYS["zb-v"] = (1, [[0, 7], [1, 6], [2, 5], [3, 4]])


@pytest.mark.parametrize("schedule", WAYS)
def test_the_way_of_a_microbatch(schedule, compiled, tmp_path):
    """From every rank's chunk to the one before and the one after, in the rank's own replica."""
    virtual, places = WAYS[schedule]
    degrees = {"tp": 2, "pp": 4, "vp": virtual, "dp": 2}
    placement = placed(schedule=schedule, parallelism=degrees)
    written(placement, tmp_path)
    at = {place: (stage, chunk) for stage, own in enumerate(places) for chunk, place in enumerate(own)}
    expected = []
    for rank in range(16):
        of_stage = [rank % 4 + 4 * stage for stage in range(4)]
        for chunk, place in enumerate(places[rank // 4]):
            around = [at.get(place + by) for by in (-1, 1)]
            told = [(of_stage[each[0]], each[1]) if each else (-1, -1) for each in around]
            expected.append(" ".join(map(str, (rank, chunk, *told[0], *told[1]))))
    code, out, _ = run_program(compiled("print_ranks"), "way", tmp_path / MAP)
    assert (code, out.splitlines()) == (0, expected)


def statuses(compiled, placement, paths, language="c11"):
    """What opening each map gives to a program made for `placement`."""
    digests = input_digests(placement)
    program = compiled("open_all", language)
    code, out, _ = run_program(program, digests.topology, digests.workload, *paths)
    assert code == 0
    return out.splitlines()


def test_another_digest_is_refused(compiled, tmp_path):
    """A map of another topology, or of another workload, is stale for a program made for this one."""
    placement = regular()
    written(placement, tmp_path)
    other = replace(placement, cluster=replace(placement.cluster, name="other"))
    broken = placement.cluster.gpu_in_service.copy()
    broken[7] = False
    spoiled = replace(placement, cluster=replace(placement.cluster, gpu_in_service=broken))
    renamed = replace(placement, workload=replace(placement.workload, name="other"))
    paths = [tmp_path / MAP]
    for number, each in enumerate((other, spoiled, renamed)):
        paths.append(tmp_path / f"{number}.map")
        paths[-1].write_bytes(export(each, LITTLE).files[MAP])
    topology, workload = "the map is of another topology", "the map is of another workload"
    assert statuses(compiled, placement, paths) == [OK, topology, topology, workload]


def test_every_damage_is_refused(compiled, tmp_path):
    """No byte of the header can have a bit turned, nor any drawn from the rest; none is cut off or added."""
    placement = irregular()
    whole = written(placement, tmp_path).joinpath(MAP).read_bytes()
    rng = np.random.default_rng(3)
    header = 8 * np.arange(HEADER.itemsize) + rng.integers(0, 8, HEADER.itemsize)
    bits = [*header.tolist(), *rng.integers(8 * HEADER.itemsize, 8 * len(whole), 200).tolist()]
    damaged = [whole[:cut] for cut in (0, 7, 23, 24, 383, 384, len(whole) - 64, len(whole) - 1)]
    damaged += [whole + b"\0", b"#" * len(whole)]
    for bit in bits:
        turned = bytearray(whole)
        turned[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(turned))
    paths = [tmp_path / f"{number}.map" for number in range(len(damaged))]
    for path, content in zip(paths, damaged, strict=True):
        path.write_bytes(content)
    found = statuses(compiled, placement, [*paths, tmp_path / "missing", tmp_path], "c11-checked")
    assert len(found) == len(paths) + 2
    assert OK not in found
    assert found[-2:] == ["the file cannot be opened or mapped"] * 2
    assert {"the file was cut short or added to", "the file was changed after it was written"} <= set(found)


def test_a_layout_that_leads_out_of_the_file_is_refused(compiled, tmp_path):
    """Even with the right checksum."""
    whole = written(regular(), tmp_path).joinpath(MAP).read_bytes()
    start = HEADER.fields["section"][1]
    made = []
    for section in range(len(SECTIONS)):
        for at, value in ((0, 1 << 40), (0, 2**64 - 64), (0, 64), (8, 2**32 - 1), (12, 4096)):
            changed = bytearray(whole)
            size = 8 if at == 0 else 4
            place = start + 16 * section + at
            changed[place : place + size] = value.to_bytes(size, "little")
            made.append(sealed(changed, HEADER, "<"))
    paths = [tmp_path / f"{number}.map" for number in range(len(made))]
    for path, content in zip(paths, made, strict=True):
        path.write_bytes(content)
    found = statuses(compiled, regular(), paths, "c11-checked")
    assert set(found) == {"a section of the file is not where or what it should be"}


def test_the_other_byte_order_is_refused(compiled, tmp_path):
    """A map for big-endian machines differs in its numbers only, and says so first."""
    little, big = (export(irregular(), each).files[MAP] for each in (LITTLE, BIG))
    assert len(little) == len(big)
    written(irregular(), tmp_path, BIG)
    assert statuses(compiled, irregular(), [tmp_path / MAP]) == [
        "the file was written for the other byte order"
    ]
    assert np.frombuffer(big, ">u4", 2, 8).tolist() == np.frombuffer(little, "<u4", 2, 8).tolist()


def test_the_example_prints_a_rank(tmp_path):
    """`lookup.c` compiles in every language and says where a rank is, and so does a patched map."""
    placement = irregular()
    written(placement, tmp_path)
    for language in LANGUAGES:
        code, out, _ = run_program(
            compile_program(tmp_path / "lookup.c", tmp_path, tmp_path, language), tmp_path / MAP, 3
        )
        assert code == 0
        assert "on         r01-n00 gpu 0\n" in out
    assert run_program(tmp_path / "lookup-c11", tmp_path / MAP, 10)[0] == 1
    for word in ("x", "1x", "-1", ""):
        code, out, err = run_program(tmp_path / "lookup-c11", tmp_path / MAP, word)
        assert (code, out) == (2, "")
        assert "expected a rank" in err


def moved(placement, down, changes):
    """The placement after some GPUs have gone and ranks have moved."""
    live = placement.cluster.gpu_in_service.copy()
    live[down] = False
    gpus = placement.gpu_of_rank.copy()
    for rank, gpu in changes.items():
        gpus[rank] = gpu
    return replace(placement, cluster=replace(placement.cluster, gpu_in_service=live), gpu_of_rank=gpus)


def spread_out():
    """Sixteen ranks on two of four nodes of eight GPUs."""
    workload = grid_workload(tp=4, dp=4, families=[("dp", "all_reduce", 8)])
    return claimed(grid_cluster(2, 2, 8, nics=8), workload, range(16))


def patched(compiled, tmp_path, old, patches, mode="private", language="c11-checked"):
    """Statuses of patches on the map of `old`, and the map after them."""
    written(old, tmp_path)
    paths = []
    for number, content in enumerate(patches):
        paths.append(tmp_path / f"{number}.patch")
        paths[-1].write_bytes(content)
    program = compiled("apply_patches", language)
    code, out, err = run_program(program, mode, tmp_path / MAP, tmp_path / "after", *paths)
    assert code == 0, err
    return out.splitlines(), (tmp_path / "after").read_bytes()


def test_a_patched_map_is_the_new_one(compiled, tmp_path):
    """Byte for byte; the file of the old one stays as it was."""
    old = spread_out()
    new = moved(old, [5, 6], {5: 16, 6: 17})
    patch = export_changes(new, old, LITTLE).files[PATCH]
    found, after = patched(compiled, tmp_path, old, [patch])
    assert found == [OK]
    assert after == export(new, LITTLE).files[MAP]
    assert (tmp_path / MAP).read_bytes() == export(old, LITTLE).files[MAP]
    assert len(patch) < len(after) / 2


def test_patches_follow_one_another(compiled, tmp_path):
    """Each is for the map that the one before has made; none is applied twice."""
    old = spread_out()
    first, second = moved(old, [5], {5: 16}), moved(old, [5, 6], {5: 16, 6: 17})
    one = export_changes(first, old, LITTLE).files[PATCH]
    two = export_changes(second, first, LITTLE).files[PATCH]
    found, after = patched(compiled, tmp_path, old, [two, one, one, two])
    other = "the patch is for another map"
    assert found == [other, OK, other, OK]
    assert after == export(second, LITTLE).files[MAP]


def test_no_damaged_patch_is_applied(compiled, tmp_path):
    """Cut, turned or for the other byte order: the map stays as it was."""
    old = spread_out()
    new = moved(old, [5], {5: 16})
    patch = export_changes(new, old, LITTLE).files[PATCH]
    turned = []
    for at in range(0, len(patch), 3):
        changed = bytearray(patch)
        changed[at] ^= 4
        turned.append(bytes(changed))
    other = export_changes(new, old, BIG).files[PATCH]
    cut = [patch[:-1], patch[:100], patch[:20], patch + bytes(4)]
    found, after = patched(compiled, tmp_path, old, [*turned, *cut, other, export(old, LITTLE).files[MAP]])
    assert OK not in found
    assert after == export(old, LITTLE).files[MAP]


def test_a_shared_map_is_not_patched(compiled, tmp_path):
    """It may be in use by others."""
    old = spread_out()
    patch = export_changes(moved(old, [5], {5: 16}), old, LITTLE).files[PATCH]
    found, _ = patched(compiled, tmp_path, old, [patch], mode="shared")
    assert found == ["only a private map can be patched"]


@pytest.mark.slow
def test_a_patch_of_a_lost_tray_of_the_flagship_is_small(compiled, tmp_path):
    """Four ranks that move change a few rows of half a million."""
    cluster, workload = load_topology("gb300-220k-degraded"), load_workload("moe-6t-220k-degraded")
    old = scattered(cluster, workload)
    tray = np.flatnonzero(cluster.gpu_node == cluster.gpu_node[old.gpu_of_rank[0]])
    lost = np.flatnonzero(np.isin(old.gpu_of_rank, tray))
    free = np.setdiff1d(np.flatnonzero(cluster.gpu_in_service), old.gpu_of_rank)[1000 : 1000 + len(lost)]
    new = moved(old, tray, dict(zip(lost.tolist(), free.tolist(), strict=True)))
    patch = export_changes(new, old, LITTLE).files[PATCH]
    assert len(patch) < 20_000
    found, after = patched(compiled, tmp_path, old, [patch], language="c11")
    assert found == [OK]
    assert after == export(new, LITTLE).files[MAP]


def test_another_job_is_no_change():
    """Of it there is a whole map."""
    other = regular(hosts=3)
    with pytest.raises(UsageError) as caught:
        export_changes(other, regular(), LITTLE)
    assert caught.value.problems[0].code == "E025"
