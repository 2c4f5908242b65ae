"""What ``unwalled admin token`` takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from unwalled.cli.admin import token
from unwalled.errors import UsageError
from unwalled.operator.admin.admintoken import AdminToken


def test_a_token_is_replaced_or_removed_and_not_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token(tmp_path, replace=False, remove=False)
    made = capsys.readouterr().out.strip()
    with pytest.raises(UsageError, match="replaced and removed"):
        token(tmp_path, replace=True, remove=True)
    assert AdminToken(tmp_path).is_right(made)
    token(tmp_path, replace=False, remove=True)
    assert not AdminToken(tmp_path).is_set
