"""The idle watch, with a timer that the test fires."""

from __future__ import annotations

import asyncio

import pytest

from unwalled.gateway.idle import IdleWatch


def test_untouched_work_is_ended() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with IdleWatch(0.001):
                await asyncio.get_running_loop().create_future()

    asyncio.run(main())


def test_touched_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()
        watch = IdleWatch(0.001)
        look = watch._look

        def touched_just_before() -> None:
            watch.touch()
            look()
            fired.set()

        monkeypatch.setattr(loop, "call_later", lambda delay_s, _: loop.call_at(loop.time(), touched_just_before))
        async with watch:
            await fired.wait()

    asyncio.run(main())


def test_zero_means_never() -> None:
    async def main() -> None:
        async with IdleWatch(0) as watch:
            watch.touch()
            assert watch._timer is None

    asyncio.run(main())
