"""The rules of the alarms: from which numbers on an admin is told, and in which words. Pure.

A threshold begins an alarm and a milder one ends it. Words are for somebody who looks once a day and did not build it.
"""

from __future__ import annotations

from unwalled.operator.numbers.alarms import Facts, Rule

_HOUR_S = 3600.0
_DAY_S = 86_400.0
_GIB = 1024**3


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _percent(part: int, whole: int) -> str:
    return f"{100 * _share(part, whole):.0f} %"


def _fell(facts: Facts) -> bool:
    now, before = _share(facts.ok_hour, facts.asked_hour), _share(facts.ok_day, facts.asked_day)
    return facts.asked_hour >= 20 and (now < 0.5 or now < before - 0.2)


def _recovered(facts: Facts) -> bool:
    now, before = _share(facts.ok_hour, facts.asked_hour), _share(facts.ok_day, facts.asked_day)
    return facts.asked_hour < 20 or (now >= 0.6 and now >= before - 0.1)


def _free_share(facts: Facts) -> float:
    if facts.disk_free_bytes is None or not facts.disk_bytes:
        return 1.0
    return facts.disk_free_bytes / facts.disk_bytes


def _is_disk_low(facts: Facts, share: float, least_bytes: int) -> bool:
    return facts.disk_free_bytes is not None and (facts.disk_free_bytes < least_bytes or _free_share(facts) < share)


def _used(part: int, most: int | None) -> float:
    return part / most if most else 0.0


def _days(seconds: float) -> str:
    days = int(seconds // _DAY_S)
    return "today" if days < 1 else "tomorrow" if days == 1 else f"in {days} days"


def _jump(facts: Facts) -> str:
    minutes = abs(facts.clock_jump_s) / 60
    far = f"{abs(facts.clock_jump_s):.0f} seconds" if minutes < 2 else f"{minutes:.0f} minutes"
    return f"This machine's clock was set {'forward' if facts.clock_jump_s > 0 else 'back'} by {far}, or it slept."


def _certificate(facts: Facts) -> str:
    left = facts.certificate_left_s
    if left is not None and left <= 0.0:
        return "The certificate has ended: nobody can connect."
    when = _days(left if left is not None else 0.0)
    trouble = f" A newer file could not be taken: {facts.certificate_trouble}" if facts.certificate_trouble else ""
    return f"The certificate ends {when}.{trouble}"


def _is_ending(facts: Facts, within_s: float) -> bool:
    return facts.certificate_left_s is not None and facts.certificate_left_s < within_s


RULES = (
    Rule(
        "no_bridges",
        "bad",
        lambda facts: facts.bridges == 0 and facts.uptime_s >= 600.0,
        lambda facts: facts.bridges > 0,
        lambda facts: "No bridge has been connected for ten minutes or more, so no reader gets through.",
        "Open your page with the switch and turn it on: if it says that it waits, bridges can come, and you need more"
        " visitors or a machine with `unwalled bridge`. If it does not, run `unwalled doctor`.",
        after_s=600.0,
        calm_s=30.0,
    ),
    Rule(
        "bridges_fell",
        "look",
        lambda facts: facts.bridges_before >= 10 and facts.bridges < 0.5 * facts.bridges_before,
        lambda facts: facts.bridges >= 0.7 * facts.bridges_before,
        lambda facts: f"Bridges fell from {facts.bridges_before} to {facts.bridges} within half an hour.",
        "Look at whether your site still shows the switch, and at whether a web server or firewall before the operator"
        " was changed or started again. After a peak of visitors it is normal.",
        after_s=120.0,
        calm_s=300.0,
    ),
    Rule(
        "success_fell",
        "bad",
        _fell,
        _recovered,
        lambda facts: (
            f"Only {_percent(facts.ok_hour, facts.asked_hour)} of the readers' requests of the last hour got"
            f" a bridge; over the day it was {_percent(facts.ok_day, facts.asked_day)}."
        ),
        "Look below at what became of the others. 'none': too few bridges with room, so more switches are needed."
        " 'failed': bridges were there and did not answer; see whether UDP and STUN work (`unwalled doctor`), and"
        " whether one country stands out, which may be a new block.",
        after_s=120.0,
        calm_s=600.0,
    ),
    Rule(
        "certificate_ends",
        "bad",
        lambda facts: _is_ending(facts, 3 * _DAY_S),
        lambda facts: not _is_ending(facts, 3 * _DAY_S),
        _certificate,
        "Renew it now, and look at why it was not renewed by itself. The operator takes a new file without a restart.",
        calm_s=0.0,
    ),
    Rule(
        "certificate_soon",
        "look",
        lambda facts: _is_ending(facts, 10 * _DAY_S) and not _is_ending(facts, 3 * _DAY_S),
        lambda facts: not _is_ending(facts, 10 * _DAY_S) or _is_ending(facts, 3 * _DAY_S),
        _certificate,
        "Look at whether your renewal runs (`systemctl list-timers`). The operator takes a new file without a restart.",
        calm_s=0.0,
    ),
    Rule(
        "disk_full",
        "bad",
        lambda facts: _is_disk_low(facts, 0.0, _GIB // 16),
        lambda facts: not _is_disk_low(facts, 0.0, _GIB // 8),
        lambda facts: "The disk with the data folder is full. Readers go on, but nothing new can be kept.",
        "Make room there: old backups and logs first. No invite can be made or withdrawn until then.",
    ),
    Rule(
        "disk_low",
        "look",
        lambda facts: _is_disk_low(facts, 0.05, _GIB // 2) and not _is_disk_low(facts, 0.0, _GIB // 16),
        lambda facts: not _is_disk_low(facts, 0.07, _GIB * 3 // 4) or _is_disk_low(facts, 0.0, _GIB // 16),
        lambda facts: f"The disk with the data folder has {(facts.disk_free_bytes or 0) / 1e6:.0f} MB left.",
        "Make room there before it is full: old backups and logs first.",
    ),
    Rule(
        "clock_jumped",
        "look",
        lambda facts: abs(facts.clock_jump_s) >= 30.0,
        lambda facts: abs(facts.clock_jump_s) < 30.0,
        _jump,
        "Let the machine keep its clock by NTP (`timedatectl set-ntp true`). With a wrong clock, invites end too early"
        " or too late, and readers are told a wrong time.",
        calm_s=0.0,
    ),
    Rule(
        "files_near_bound",
        "bad",
        lambda facts: _used(facts.descriptors, facts.max_descriptors) >= 0.85,
        lambda facts: _used(facts.descriptors, facts.max_descriptors) < 0.75,
        lambda facts: f"{facts.descriptors} of {facts.max_descriptors} open files are in use; each connection is one.",
        "Raise the bound: LimitNOFILE=65536 in the systemd unit, or `ulimit -n 65536` before the start. Then restart.",
    ),
    Rule(
        "turned_away",
        "bad",
        lambda facts: facts.turned_away >= 10,
        lambda facts: facts.turned_away == 0,
        lambda facts: f"In the last five minutes {facts.turned_away} requests, bridges or connections found no place.",
        "Somebody floods you, or you have outgrown one process. Look at which number stands at its bound; with a"
        " larger machine or a further gateway there is room for more.",
        calm_s=300.0,
    ),
    Rule(
        "sessions_near_bound",
        "look",
        lambda facts: _used(facts.sessions, facts.max_sessions) >= 0.85,
        lambda facts: _used(facts.sessions, facts.max_sessions) < 0.75,
        lambda facts: f"{facts.sessions} of at most {facts.max_sessions} sessions are open.",
        "A further gateway takes some of them.",
    ),
    Rule(
        "store_gone",
        "bad",
        lambda facts: facts.store_gone_s >= 10.0,
        lambda facts: facts.store_gone_s == 0.0,
        lambda facts: (
            f"The store (Redis) has not answered for {facts.store_gone_s:.0f} seconds. Running sessions go on;"
            " new readers wait."
        ),
        "Start it again, and look at its log. The brokers join it again by themselves.",
        calm_s=10.0,
    ),
    Rule(
        "history_not_kept",
        "look",
        lambda facts: facts.history_trouble != "",
        lambda facts: facts.history_trouble == "",
        lambda facts: f"The history of numbers cannot be written: {facts.history_trouble}",
        "Readers do not notice. Make room on the disk, or look at who owns history.sqlite in the data folder.",
        calm_s=0.0,
    ),
    Rule(
        "history_damaged",
        "look",
        lambda facts: facts.history_damaged,
        lambda facts: not facts.history_damaged,
        lambda facts: "The file with the history of numbers was damaged, and a new one was begun.",
        "The old one lies beside it as history.sqlite.damaged. Restore a backup if you need its numbers; a disk that"
        " damages files should be looked at. This word ends at the next start.",
        calm_s=0.0,
    ),
    Rule(
        "lanes_misbehave",
        "look",
        lambda facts: facts.lanes_misbehaved_hour >= 20,
        lambda facts: facts.lanes_misbehaved_hour < 10,
        lambda facts: (
            f"In the last hour {facts.lanes_misbehaved_hour} lanes carried changed data: some bridges tamper."
        ),
        "Readers are safe and go on over other bridges; such bridges are put aside. If it lasts, look at from where"
        " most of your bridges come.",
        calm_s=600.0,
    ),
    Rule(
        "old_widgets",
        "look",
        lambda facts: facts.old_widgets_day >= 20,
        lambda facts: facts.old_widgets_day < 10,
        lambda facts: f"In the last day, pages loaded an older version of the switch {facts.old_widgets_day} times.",
        "Some site has pinned it. It goes on working; ask who runs the site to take the two lines anew from /add.",
        calm_s=_HOUR_S,
    ),
)
