"""What there is on this computer, asked through one small object, so that a test can play any other computer."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer as its programs see it. ``platform``: as ``sys.platform`` has it."""

    platform: str
    environment: Mapping[str, str]
    home: Path

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        return cls(sys.platform, os.environ, Path.home())

    @property
    def is_windows(self) -> bool:
        """Whether it runs Windows."""
        return self.platform == "win32"

    @property
    def is_mac(self) -> bool:
        """Whether it runs macOS."""
        return self.platform == "darwin"

    def which(self, name: str) -> str | None:
        """The path of a program that can be called by its name."""
        return shutil.which(name, path=self.environment.get("PATH", ""))
