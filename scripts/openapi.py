"""Writes docs/reference/openapi.json from the routes of the admin's API (`make docs-api`): as an operator serves it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec

from unwalled.operator.admin.parts import new_api
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.server import Operator

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "openapi.json"


async def render() -> bytes:
    """The document of an operator that is started for it, in a folder that is gone again."""
    with tempfile.TemporaryDirectory() as folder:
        operator, _ = await Operator.start(OperatorOptions(ListenAddress("127.0.0.1", 0), None, Path(folder)))
        try:
            return msgspec.json.format(msgspec.json.encode(new_api(operator.admin_parts()).description())) + b"\n"
        finally:
            await operator.close()


if __name__ == "__main__":
    PAGE.write_bytes(asyncio.run(render()))
