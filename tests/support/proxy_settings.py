"""A system's proxy setting that lives in a dictionary, and may lose its power at any step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unwalled.desktop.proxy_settings import ProxySettingFailed, ProxyWish, Value, Values, in_order


class PowerCut(BaseException):
    """The computer is off."""


class FakeSettings:
    """See `ProxySettings`. ``steps_left``: values that can still be written before the power is cut; None = all."""

    groups: Sequence[Sequence[str]] = (("host", "port"), ("pac",))
    switches: Mapping[str, Sequence[str]] = {"ignore": (), "mode": ("host", "port", "pac")}

    def __init__(self, name: str = "fake", /, **values: Value) -> None:
        self.name = name
        fresh: Values = {"host": "", "port": 0, "pac": None, "ignore": "lan", "mode": "none"}
        self.values = fresh | values
        self.steps_left: int | None = None
        self.is_locked = False

    def read(self) -> Values:
        """See `ProxySettings`."""
        return dict(self.values)

    def wanted(self, wish: ProxyWish) -> Values:
        """See `ProxySettings`."""
        return {"host": wish.host, "port": wish.port, "pac": None, "ignore": "localhost", "mode": "manual"}

    def write(self, values: Mapping[str, Value]) -> None:
        """See `ProxySettings`."""
        for key, value in in_order(self, values):
            if self.is_locked and key == "mode":
                raise ProxySettingFailed("It is locked.")
            if self.steps_left is not None:
                if self.steps_left == 0:
                    raise PowerCut
                self.steps_left -= 1
            self.values[key] = value
