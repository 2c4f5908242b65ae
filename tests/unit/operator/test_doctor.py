"""What the doctor makes of what it saw."""

from __future__ import annotations

import pytest

from unwalled.operator.doctor import FORGED, Outcome, judge_asker, judge_descriptors, judge_numbers


@pytest.mark.parametrize(
    ("plain", "forged", "is_public", "outcome", "words"),
    [
        ("198.51.100.7", "198.51.100.7", True, Outcome.BAD, "takes everybody for the web server"),
        ("8.8.8.8", "8.8.8.8", True, Outcome.GOOD, ""),
        ("2a00:1450::1", "2a00:1450::1", True, Outcome.GOOD, ""),
        ("127.0.0.1", "127.0.0.1", True, Outcome.BAD, "takes everybody for the web server"),
        ("172.17.0.1", "172.17.0.1", True, Outcome.BAD, "takes everybody for the web server"),
        ("::1", "::1", True, Outcome.BAD, "takes everybody for the web server"),
        ("", "", True, Outcome.BAD, "takes everybody for the web server"),
        ("127.0.0.1", "127.0.0.1", False, Outcome.GOOD, ""),
        ("8.8.8.8", FORGED, True, Outcome.BAD, "Anybody can claim any address"),
        ("127.0.0.1", FORGED, False, Outcome.BAD, "Anybody can claim any address"),
    ],
)
def test_whom_the_operator_sees(plain: str, forged: str, is_public: bool, outcome: Outcome, words: str) -> None:
    finding = judge_asker(plain, forged, is_public=is_public)
    assert finding.outcome is outcome
    assert words in finding.cause
    assert bool(finding.remedy) is (outcome is not Outcome.GOOD)


@pytest.mark.parametrize(
    ("metrics", "outcomes"),
    [
        ("process_max_fds 131072.0\n", [Outcome.GOOD]),
        ("# HELP process_max_fds x\nprocess_max_fds 1024.0\n", [Outcome.DOUBT]),
        ("unwalled_x 1\n", []),
    ],
)
def test_how_many_files_may_be_open(metrics: str, outcomes: list[Outcome]) -> None:
    assert [finding.outcome for finding in judge_descriptors(metrics)] == outcomes


def test_numbers_are_for_the_own_network() -> None:
    assert [finding.outcome for finding in judge_numbers(None, is_public=True)] == [Outcome.GOOD]
    shown = judge_numbers("process_max_fds 131072.0", is_public=True)
    assert [finding.outcome for finding in shown] == [Outcome.GOOD, Outcome.BAD]
    assert [finding.outcome for finding in judge_numbers("process_max_fds 131072.0", is_public=False)] == [Outcome.GOOD]
