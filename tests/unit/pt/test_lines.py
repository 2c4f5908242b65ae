"""What tor reads: lines that its own parser takes."""

from __future__ import annotations

from unwalled.pt import lines
from unwalled.pt.environment import Endpoint
from unwalled.pt.lines import Severity


def test_a_clients_lines() -> None:
    assert lines.version("1") == "VERSION 1"
    assert lines.client_method(Endpoint("127.0.0.1", 1984)) == "CMETHOD unwalled socks5 127.0.0.1:1984"
    assert lines.client_failed("It cannot\nlisten.") == "CMETHOD-ERROR unwalled It cannot listen."
    assert lines.CLIENT_DONE == "CMETHODS DONE"


def test_a_servers_lines() -> None:
    told = lines.server_method(Endpoint("::1", 8080), [("invite", "uw1.a=b")])
    assert told == r"SMETHOD unwalled [::1]:8080 ARGS:invite=uw1.a\=b"
    assert lines.server_failed("No cows.") == "SMETHOD-ERROR unwalled No cows."
    assert lines.SERVER_DONE == "SMETHODS DONE"


def test_messages_stay_on_one_line_in_ascii_and_in_their_quotes() -> None:
    assert lines.log(Severity.NOTICE, 'a "b" \\ c\nd · é') == 'LOG SEVERITY=notice MESSAGE="a \\"b\\" \\\\ c d ? ?"'
    assert lines.log(Severity.WARNING, "x") == 'LOG SEVERITY=warning MESSAGE="x"'


def test_states_for_the_control_port() -> None:
    assert lines.connected() == "STATUS TRANSPORT=unwalled CONNECT=Success"
    assert lines.not_connected("no bridge") == 'STATUS TRANSPORT=unwalled CONNECT=Failed ERRSTR="no bridge"'
