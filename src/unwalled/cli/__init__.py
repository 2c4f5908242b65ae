"""The command line: ``unwalled operate | invite | bridge | connect | get | demo``."""

from unwalled.cli.app import main

__all__ = ["main"]
