from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from unwalled.errors import ConfigurationError, UsageError
from unwalled.gateway.allowance import Used
from unwalled.gateway.egress import Egress
from unwalled.gateway.policy import Decision, Reason
from unwalled.operator.blocks import BLOCKS_FILE, BlockBook
from unwalled.operator.options import ListenAddress, OperatorOptions
from unwalled.operator.policykeeper import TRAFFIC_FILE, PolicyKeeper, load_operator_policy
from unwalled.wire.address import Target

DAY = 86_400.0


class FixedClock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 20_000 * DAY


def options(folder: Path, *, policy: str | None = None, only_my_sites: tuple[str, ...] = ()) -> OperatorOptions:
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    file = None
    if policy is not None:
        file = folder / "policy.toml"
        file.write_text(policy)
    here = ListenAddress("127.0.0.1", 0)
    return OperatorOptions(here, None, folder / "data", policy=file, only_my_sites=only_my_sites)


def decided(keeper: PolicyKeeper, host: str, port: int = 443) -> Decision:
    return keeper.policy.decide(Target.parse(host, port))


def test_what_has_changed_is_read_again_and_what_is_wrong_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        given = options(tmp_path, policy='[categories]\nmalware = ["bad.txt"]\nadult = ["adult.txt"]\n')
        (tmp_path / "bad.txt").write_text("bad.example\n")
        (tmp_path / "adult.txt").write_text("adult.example\n")
        keeper = PolicyKeeper(given)
        assert decided(keeper, "www.bad.example") == Decision(Reason.CATEGORY, "malware")
        adult = keeper.categories["adult"]
        (tmp_path / "bad.txt").write_text("worse.example\n")
        await keeper.refresh()
        assert decided(keeper, "www.bad.example").is_allowed
        assert not decided(keeper, "worse.example").is_allowed
        # The other list did not change, and was not read again.
        assert keeper.categories["adult"] is adult
        (tmp_path / "policy.toml").write_text("[nothing]\n")
        with pytest.raises(ConfigurationError):
            await keeper.refresh()
        assert keeper.trouble is not None
        assert not decided(keeper, "worse.example").is_allowed
        (tmp_path / "policy.toml").write_text("")
        await keeper.refresh()
        assert keeper.trouble is None
        assert decided(keeper, "worse.example").is_allowed

    asyncio.run(main())


def test_a_block_holds_for_a_running_gateway_and_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        given = options(tmp_path)
        keeper = PolicyKeeper(given)
        egress = Egress(keeper.policy, clock=FixedClock())
        keeper._egress = egress
        book = BlockBook(given.data)
        assert book.add(" Abused.example. ")
        assert not book.add("abused.example")
        assert book.add("other.example:22")
        await keeper.refresh()
        assert egress.policy.decide(Target.parse("www.abused.example", 443)).reason is Reason.BLOCKED
        assert (given.data / BLOCKS_FILE).stat().st_mode & 0o777 == 0o600
        assert not load_operator_policy(given).decide(Target.parse("other.example", 22)).is_allowed
        assert book.remove("abused.example")
        assert not book.remove("abused.example")
        assert book.entries() == ["other.example:22"]
        with pytest.raises(UsageError):
            book.add("https://abused.example/path")
        for content, cause in (('{"v": 2}', "newer"), ("[]", "damaged"), ('{"v": 1, "blocks": ["a b"]}', "damaged")):
            (given.data / BLOCKS_FILE).write_text(content)
            with pytest.raises(ConfigurationError, match=cause):
                book.entries()

    asyncio.run(main())


def test_only_my_sites_needs_no_file_and_agrees_with_one(tmp_path: Path) -> None:
    keeper = PolicyKeeper(options(tmp_path, only_my_sites=("news.example",)))
    assert decided(keeper, "www.news.example").is_allowed
    assert decided(keeper, "other.example").reason is Reason.NOT_LISTED
    assert decided(keeper, "news.example", 22).reason is Reason.PORT
    with_file = options(tmp_path, policy='[sites]\ndeny = ["cms.news.example"]\n', only_my_sites=("news.example",))
    keeper = PolicyKeeper(with_file)
    assert decided(keeper, "cms.news.example").reason is Reason.DENIED
    with pytest.raises(ConfigurationError, match="only sites already"):
        PolicyKeeper(options(tmp_path, policy='[sites]\nmode = "publisher"\n', only_my_sites=("news.example",)))


def test_the_traffic_of_the_month_outlives_a_restart_and_names_nobody(tmp_path: Path) -> None:
    given = options(tmp_path, policy="[gateway]\nbytes_per_month = 1000\n")
    clock = FixedClock()
    keeper = PolicyKeeper(given)
    assert keeper.used() == Used()
    asyncio.run(keeper.save_traffic(clock))
    egress = keeper._egress = Egress(keeper.policy, clock=clock, used=keeper.used())
    egress.new_budget().use_bytes(600)
    asyncio.run(keeper.save_traffic(clock))
    again = PolicyKeeper(given)
    used = again.used()
    assert (used.day_bytes, used.month_bytes) == (600, 600)
    budget = Egress(again.policy, clock=clock, used=used).new_budget()
    assert not budget.use_bytes(400)
    (given.data / TRAFFIC_FILE).write_text("no")
    assert again.used() == Used()


def test_without_a_limit_no_traffic_is_written_down(tmp_path: Path) -> None:
    keeper = PolicyKeeper(options(tmp_path))
    egress = keeper._egress = Egress(keeper.policy, clock=FixedClock())
    egress.new_budget().use_bytes(600)
    asyncio.run(keeper.save_traffic(FixedClock()))
    assert not (tmp_path / "data" / TRAFFIC_FILE).exists()
