from __future__ import annotations

from unwalled.gateway.bounds import PolicyLimits
from unwalled.gateway.policy import Decision, Reason
from unwalled.gateway.refused import RefusedReport
from unwalled.wire.address import Target


def test_refused_hosts_are_counted_until_it_is_over_and_then_forgotten() -> None:
    report = RefusedReport(60.0, PolicyLimits(refused_hosts=2))
    listed = Decision(Reason.NOT_LISTED)
    for host in ("cdn.example", "CDN.example.", "fonts.example", "more.example"):
        report.note(Target.parse(host, 443), listed, 1.0)
    report.note(Target.parse("abused.example", 443), Decision(Reason.BLOCKED), 1.0)
    assert report.counts(2.0) == [
        ("cdn.example", 443, Reason.NOT_LISTED, 2),
        ("fonts.example", 443, Reason.NOT_LISTED, 1),
    ]
    assert report.others == 1
    report.note(Target.parse("late.example", 443), listed, 60.0)
    assert report.counts(60.0) == []
    assert report.others == 0
