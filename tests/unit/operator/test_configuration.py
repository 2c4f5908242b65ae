"""The operator's file of options: what it says, what is wrong with it and where, and who wins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.structure.source import ROOT
from unwalled.errors import ConfigurationError
from unwalled.operator.bounds import OPERATOR
from unwalled.operator.configuration import OPTIONS, ConfigurationErrors, Given, build, parse_config, read_config
from unwalled.operator.options import ListenAddress, OperatorOptions, Role

HERE = Path("/etc/unwalled")
FULL = """\
listen = "127.0.0.1:9000"
public-url = "https://news.example/bridge"
data = "/var/lib/unwalled"
policy = "policy.toml"
stun-listen = ["3478"]
stun = ["stun:direct.news.example:3478"]
trusted-proxy = ["10.0.0.0/8", "::1"]
egress-bind = ["192.0.2.1"]
countries = "country.mmdb"
allow-private = true
trace = "traces"
drain = "3m"
gateway-workers = 1
roles = ["gateway"]
"""


def options(text: str) -> OperatorOptions:
    file = parse_config(text, "unwalled.toml", HERE)
    assert file.errors == ()
    return build(file.given)


def wrong(text: str) -> list[str]:
    """Each thing that is wrong, as a person reads it."""
    file = parse_config(text, "unwalled.toml", HERE)
    errors = list(file.errors)
    try:
        build(file.given)
    except ConfigurationErrors as found:
        errors += found.all
    return [str(error) for error in errors]


def test_everything_that_can_be_said() -> None:
    given = options(FULL)
    assert str(given.listen) == "127.0.0.1:9000"
    assert given.public_url is not None
    assert given.public_url.text == "https://news.example/bridge"
    # A path begins at the folder of the file, wherever the program was started.
    assert (given.data, given.policy) == (Path("/var/lib/unwalled"), HERE / "policy.toml")
    assert (given.drain_s, given.gateway_workers) == (180.0, 1)
    assert given.roles == {Role.GATEWAY}
    assert (given.countries, given.trace) == (HERE / "country.mmdb", HERE / "traces")
    assert given.stun_listen == (ListenAddress("", 3478),)
    assert given.stun == ("stun:direct.news.example:3478",)
    assert [str(network) for network in given.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert [str(address) for address in given.sources] == ["192.0.2.1"]
    assert given.allow_private is True


def test_nothing_at_all_is_what_the_command_line_without_options_is() -> None:
    assert options("") == options("# nothing\n") == build({})
    assert build({}) == OperatorOptions(ListenAddress("127.0.0.1", 8080), None, Path("unwalled-data"))


def test_a_domain_is_a_public_url_behind_a_web_server_on_this_machine() -> None:
    given = options('domain = "Bridges.Example.org"')
    assert given.public_url is not None
    assert given.public_url.text == "https://bridges.example.org"
    assert str(given.listen) == "127.0.0.1:8080"
    assert [str(network) for network in given.trusted_proxies] == ["127.0.0.1/32", "::1/128"]
    assert [place.port for place in given.stun_listen] == [3478, 3479]
    assert options('domain = "bridges.example.org"\ntrusted-proxy = []').trusted_proxies == ()


def test_with_a_certificate_nobody_stands_before_it() -> None:
    given = options('domain = "bridges.example.org"\ncert = "c.pem"')
    assert given.certificate is not None
    assert (given.certificate.certificate, given.certificate.key) == (HERE / "c.pem", HERE / "c.pem")
    assert (str(given.listen), given.trusted_proxies) == ("port 443", ())
    assert options('listen = "127.0.0.1:9"\ncert = "c"\nkey = "k"').reached_at.text == "https://127.0.0.1:9"


@pytest.mark.parametrize(("text", "ports"), [("[]", []), ('["off"]', []), ('["5000", "5001"]', [5000, 5001])])
def test_stun_can_be_off(text: str, ports: list[int]) -> None:
    given = options(f'domain = "bridges.example.org"\nstun-listen = {text}')
    assert [place.port for place in given.stun_listen] == ports


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("listen = 8080", ["line 1: listen has a value of the wrong kind. Write it in quotes."]),
        ('\n\nlisten = "8080"', ["line 3: listen: '8080' is not an address to listen on."]),
        ('public_url = "https://x"', ["line 1: public_url is unknown. Did you mean public-url?"]),
        ('publik-url = "https://x"', ["line 1: publik-url is unknown. Did you mean public-url?"]),
        ("zebra = 1", [f"line 1: zebra is unknown. The keys are {', '.join(OPTIONS)}."]),
        ("# x\n[sites]\nmode = 1", ["line 2: sites is unknown. Sections belong into the file of --policy"]),
        ("[limits.x]", ["line 1: limits is unknown. Sections belong into the file of --policy"]),
        ('stun = "stun:a:1"', ["line 1: stun has a value of the wrong kind. Write a list of texts"]),
        ('stun = [\n"stun:a:1",\n1]', ["line 3: stun must hold only texts."]),
        ('allow-private = "yes"', ["line 1: allow-private has a value of the wrong kind. Write true or false"]),
        ("allow-private = 1", ["line 1: allow-private has a value of the wrong kind."]),
        ('data = ""', ["line 1: data is empty."]),
        ('domain = "https://x.example"', ["line 1: domain: 'https://x.example' is not the name of a host."]),
        ('domain = "localhost"', ["line 1: domain: 'localhost' is not the name of a host."]),
        (
            'public-url = "https://x"\ndomain = "x.example"',
            ["line 2: domain: There are a domain and a public URL."],
        ),
        ('key = "k.pem"', ["line 1: key: There is a key without a certificate."]),
        ('listen = "0.0.0.0:80"', ["line 1: listen: With --listen on all addresses"]),
        ('nothing = 1\ncert = "c"', ["line 1: nothing is unknown.", "line 2: cert: With --listen on all addresses"]),
        ('data = "a\\u0000b"', ["line 1: data holds a zero character, which no path has."]),
        (
            'egress-bind = ["x"]\nlisten = "y"\nstun = ["z"]\ntrusted-proxy = ["w"]\nnothing = 1\nstun-listen = ["v"]',
            [
                "line 5: nothing is unknown.",
                "line 2: listen: 'y'",
                "line 3: stun: 'z'",
                "line 6: stun-listen: 'v'",
                "line 4: trusted-proxy: 'w'",
                "line 1: egress-bind: 'x'",
            ],
        ),
    ],
)
def test_each_thing_that_is_wrong_is_said_with_its_line_and_a_remedy(text: str, errors: list[str]) -> None:
    found = wrong(text)
    assert len(found) == len(errors)
    for one, wanted in zip(found, errors, strict=True):
        assert one.startswith(f"unwalled.toml, {wanted}")
        assert one.endswith((".", "?"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("listen", "not TOML: .*line 1"),
        ("a = 1\na = 2", "not TOML: .*line 2"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply|not TOML"),
    ],
)
def test_what_is_no_toml(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        parse_config(text, "unwalled.toml", HERE)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "unwalled.toml"
    with pytest.raises(ConfigurationError, match="No such file"):
        read_config(file)
    file.write_bytes(b"a = 1\nb = '\xff'")
    with pytest.raises(ConfigurationError, match=r"line 2: This is not UTF-8"):
        read_config(file)
    file.write_bytes(b"#" * (OPERATOR.config_file_bytes + 1))
    with pytest.raises(ConfigurationError, match="is larger than"):
        read_config(file)
    # As some editors write it.
    file.write_bytes(b'\xef\xbb\xbfdata = "d"\r\nstun = [\r\n"stun:a:1"]\r\n')
    assert build(read_config(file).given).data == tmp_path / "d"


def test_the_command_line_wins_and_its_errors_name_no_file() -> None:
    file = parse_config('listen = "nonsense"\nallow-private = true', "unwalled.toml", HERE)
    words: dict[str, Any] = {"listen": Given("127.0.0.1:1"), "allow-private": Given(False)}
    given = build({**file.given, **words})
    assert (str(given.listen), given.allow_private) == ("127.0.0.1:1", False)
    with pytest.raises(ConfigurationErrors) as found:
        build({"listen": Given("x")})
    assert [error.cause for error in found.value.all] == ["'x' is not an address to listen on."]


def test_the_reference_names_each_key_and_its_example_is_good() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    cli = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == list(OPTIONS)
    assert [key for key in OPTIONS if f"`--{key}" not in cli] == []
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        options(example)
    # The long one shows every key, those that it leaves out behind a #.
    assert [key for key in OPTIONS if not re.search(rf"^(# )?{key} = ", examples[1], re.MULTILINE)] == []
    options(re.sub(r"^# (?=[a-z-]+ = )", "", examples[1].replace('domain = "', '# domain: "'), flags=re.MULTILINE))
