"""What the documentation shows happens: each page's commands are run and their output compared."""

from __future__ import annotations

import pytest

from tests.docs.conftest import ROOT, load_script

script = load_script("commands")


# The others take a few seconds each.
QUICK = ("index.md", "first-placement.md")


def marked(page):
    """A page as a parameter, slow unless it is among the quick ones."""
    marks = () if page.name in QUICK else pytest.mark.slow
    return pytest.param(page, marks=marks, id=str(page.relative_to(ROOT)))


@pytest.mark.parametrize("page", [marked(page) for page in script.pages()])
def test_page_shows_what_happens(page, tmp_path):
    """Every command of the page exits and prints as shown."""
    for outcome in script.run_page(page, tmp_path):
        report = "\n".join(outcome.lines)
        assert outcome.exit_code == outcome.command.exit_code, f"$ {outcome.command.text}\n{report}"
        assert outcome.as_shown, f"$ {outcome.command.text}\n{report}"


def test_tutorial_and_howtos_are_run():
    """The pages that must show something to run do."""
    names = {str(page.relative_to(ROOT / "docs")) for page in script.pages() if "docs" in page.parts}
    assert names >= {
        "index.md",
        "tutorial/first-placement.md",
        "howto/author-a-topology.md",
        "howto/choose-a-strategy.md",
        "howto/compare-strategies.md",
        "howto/describe-a-job.md",
        "howto/export-a-topology.md",
        "howto/hold-spares.md",
        "howto/import-a-site.md",
        "howto/launch-a-placement.md",
        "howto/plan-a-degraded-cluster.md",
        "howto/place-training-with-inference.md",
        "howto/plan-several-jobs.md",
        "howto/prove-a-launch.md",
        "howto/see-it-pay.md",
        "howto/test-in-ci.md",
        "howto/use-from-c.md",
        "howto/use-from-a-script.md",
        "reference/python.md",
    }


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        (["gap 0.5 %"], ["gap 0.5 %"], True),
        (["gap 0.5 %"], ["gap 0.6 %"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b"], False),
        (["took  load 0.2 s"], ["took  load 13 ms"], True),
        (["objective 0.2 s"], ["objective 0.3 s"], False),
        (["3 passed in 0.11s"], ["3 passed in 4.20s"], True),
        (["3 passed in 0.11s"], ["2 passed in 0.11s"], False),
        (['"load": 0.2, "gap": 0.0'], ['"load": 0.3, "gap": 0.0'], True),
        (['"load": 0.2, "gap": 0.0'], ['"load": 0.2, "gap": 0.1'], False),
        (["a   1  b"], ["a 1   b"], True),
        ([], ["anything"], True),
    ],
)
def test_matching(shown, printed, expected):
    """Numbers are compared, durations of runs and column widths are not."""
    assert script.matches(shown, printed) is expected


def test_a_page_that_lies_is_found_and_mended(tmp_path):
    """A wrong output does not match, and rewriting the page puts the right one there."""
    page = tmp_path / "page.md"
    page.write_text('```text title="f"\nx\n```\n```console\n$ cat f\ny\n$ false\n$ exit 3  # exit 2\n```\n')
    folder = tmp_path / "run"
    folder.mkdir()
    outcomes = script.run_page(page, folder)
    assert [outcome.as_shown for outcome in outcomes] == [False, False, False]
    page.write_text(script.rewritten(page, folder))
    assert "$ cat f\nx\n$ false  # exit 1\n$ exit 3  # exit 3\n" in page.read_text()
    assert all(outcome.as_shown for outcome in script.run_page(page, folder))
