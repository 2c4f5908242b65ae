"""The WordPress plug-in, run by a real PHP between stand-ins for the functions of WordPress that it calls.

What it writes is read by an HTML parser, so that a value that breaks out of its attribute is seen as what it became.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scripts.wordpress import PLUGIN, pack
from tests.support.missing import go_without
from unwalled.web.pages import widget_integrity, widget_version

ROOT = Path(__file__).parents[3]
RUN = ROOT / "tests" / "support" / "wordpress" / "run.php"
MAIN = PLUGIN / "unwalled-bridge.php"
OPERATOR = "https://bridge.example"
FALLBACK = "The switch needs JavaScript and a browser of the last three years."
HOSTILE = [
    '"><script>alert(1)</script>',
    "' onclick='alert(1)",
    'panel" onload="x',
    "javascript:alert(1)",
    "</unwalled-bridge><img src=x>",
    "fa\n",
    "8\n",
    "&quot;&#34;>",
    "\x00",
    "💣" * 1000,
]


@pytest.fixture(scope="module")
def php() -> str:
    found = shutil.which("php")
    if found is None:
        go_without("PHP", "There is no PHP on this machine. Install it (Debian: apt install php-cli).")
    return found


class Tags(HTMLParser):
    """All elements of a piece of HTML with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def run(php: str, act: str, given: Any = None, **more: Any) -> dict[str, Any]:
    asked = {"act": act, "given": given, "option": {"operator": OPERATOR}, **more}
    command = [php, "-d", "display_errors=stderr", str(RUN), str(MAIN)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def written(php: str, act: str, given: Any = None, **more: Any) -> Tags:
    return Tags(run(php, act, given, **more)["html"])


@pytest.mark.parametrize("file", sorted(PLUGIN.rglob("*.php")), ids=lambda file: file.name)
def test_each_file_is_php_and_cannot_be_asked_for_by_itself(php: str, file: Path) -> None:
    assert subprocess.run([php, "-l", file], capture_output=True, check=False).returncode == 0
    # A browser that asks for the file gets nothing, not even an error that names a path.
    alone = subprocess.run([php, "-d", "display_errors=1", file], capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stdout) == (0, "")


def test_a_shortcode_without_attributes_is_the_plainest_switch_with_one_script(php: str) -> None:
    tags = written(php, "shortcode", "")
    assert tags.found == [("unwalled-bridge", {}), ("script", {"type": "module", "src": f"{OPERATOR}/widget.js"})]
    assert tags.text.strip() == FALLBACK


def test_a_shortcode_and_a_block_say_how_it_looks(php: str) -> None:
    wanted = {"layout": "banner", "theme": "dark", "lang": "zh-Hant", "max-readers": "4"}
    given = {"layout": "banner", "theme": "dark", "lang": "zh-Hant"}
    assert written(php, "shortcode", {**given, "max_readers": "4"}).named("unwalled-bridge") == [wanted]
    block = written(php, "block", {**given, "maxReaders": "4"})
    assert block.named("unwalled-bridge") == [wanted]
    assert block.named("div") == [{"class": "wp-block-unwalled-bridge"}]


def test_what_they_do_not_say_is_as_in_the_settings(php: str) -> None:
    option = {"operator": OPERATOR, "layout": "badge", "theme": "light", "lang": "fa", "max_readers": 2}
    assert written(php, "block", {"theme": "dark"}, option=option).named("unwalled-bridge") == [
        {"layout": "badge", "theme": "dark", "lang": "fa", "max-readers": "2"}
    ]


def test_a_pinned_script_has_its_version_and_hash(php: str) -> None:
    option = {"operator": OPERATOR + "/x", "version": widget_version(), "integrity": widget_integrity()}
    assert written(php, "shortcode", "", option=option).named("script") == [
        {
            "type": "module",
            "src": f"{OPERATOR}/x/widget/{widget_version()}/widget.js",
            "integrity": widget_integrity(),
            "crossorigin": "anonymous",
        }
    ]


@pytest.mark.parametrize("one", ["version", "integrity"])
def test_half_a_pin_is_none(php: str, one: str) -> None:
    whole = {"version": widget_version(), "integrity": widget_integrity()}
    option = {"operator": OPERATOR, one: whole[one]}
    assert written(php, "shortcode", "", option=option).named("script")[0].keys() == {"type", "src"}
    assert run(php, "sanitize", option)["errors"] == ["pin"]


def test_a_page_without_a_switch_loads_nothing(php: str) -> None:
    assert written(php, "footer").found == []


def test_without_an_operator_nothing_is_written(php: str) -> None:
    for act in ("shortcode", "block", "footer"):
        assert written(php, act, {}, option={"everywhere": "badge"}).found == []


def test_a_switch_on_every_page_comes_only_where_there_is_no_other(php: str) -> None:
    option = {"operator": OPERATOR, "everywhere": "floating"}
    assert written(php, "footer", option=option).named("unwalled-bridge") == [{"layout": "floating"}]
    assert written(php, "shortcode", "", option=option).named("unwalled-bridge") == [{}]


@pytest.mark.parametrize("value", HOSTILE)
def test_nothing_that_an_author_writes_breaks_out(php: str, value: str) -> None:
    names = ("layout", "theme", "lang", "max_readers", "maxReaders", "operator", "integrity", "onclick", value)
    given = dict.fromkeys(names, value)
    for act, around in (("shortcode", []), ("block", ["div"])):
        tags = written(php, act, given)
        assert [name for name, _ in tags.found] == [*around, "unwalled-bridge", "script"]
        assert tags.named("script") == [{"type": "module", "src": f"{OPERATOR}/widget.js"}]
        # "8" with a line end is a number like another once it is trimmed; "fa" a language.
        assert tags.named("unwalled-bridge")[0].items() <= {"lang": "fa"}.items()
        assert tags.text.strip() == FALLBACK


@pytest.mark.parametrize("value", [*HOSTILE, ["a"], {"a": "b"}, None, True])
def test_nothing_that_stands_in_the_database_breaks_out(php: str, value: Any) -> None:
    names = ("version", "integrity", "layout", "theme", "lang", "max_readers", "everywhere")
    option = {"operator": OPERATOR, **dict.fromkeys(names, value)}
    tags = written(php, "shortcode", "", option=option)
    assert [name for name, _ in tags.found] == ["unwalled-bridge", "script"]
    assert tags.named("script") == [{"type": "module", "src": f"{OPERATOR}/widget.js"}]
    page = written(php, "page", option=option)
    assert {name for name, _ in page.found} <= {"div", "h1", "form", "input", "label", "select", "option", "p"}
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:text/javascript,alert(1)",
        "//bridge.example",
        "bridge.example",
        "ftp://bridge.example",
        "https://user@bridge.example",
        "https://bridge.example/a b",
        'https://bridge.example/"><script>',
        "https://bridge.example/../x",
        "https://bridge.example\\.evil.example",
        "https://bridge.example\n.evil.example",
        "https://",
        "https://[::1",
        "http://bridge.example",
        "HTTP://bridge.example:8080/x",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://[2001:db8::1]",
        "http://192.168.1.2:8080",
        ["https://bridge.example"],
        7,
        "",
    ],
)
def test_what_is_no_operator_is_not_taken(php: str, value: Any) -> None:
    outcome = run(php, "sanitize", {"operator": value})
    assert outcome["value"]["operator"] == ""
    assert outcome["errors"] == (["operator"] if isinstance(value, str | int) and value != "" else [])
    assert written(php, "shortcode", "", option={"operator": value}).found == []


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (" https://Bridge.Example/ ", "https://bridge.example"),
        ("https://bridge.example/news/?x#y", "https://bridge.example/news"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("HTTP://LocalHost:8080/x/", "http://localhost:8080/x"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_operators_address_is_kept_in_its_plain_form(php: str, value: str, kept: str) -> None:
    outcome = run(php, "sanitize", {"operator": value})
    assert (outcome["value"]["operator"], outcome["errors"]) == (kept, [])


def test_settings_are_kept_as_they_were_given_and_nothing_else_is(php: str) -> None:
    given = {
        "operator": OPERATOR,
        "version": widget_version(),
        "integrity": widget_integrity(),
        "layout": "badge",
        "theme": "light",
        "lang": "fa",
        "max_readers": 3,
        "everywhere": "badge",
    }
    sent = {**given, "max_readers": "3", "more": "x"}
    assert run(php, "sanitize", sent) == {"html": "", "value": given, "errors": []}
    assert run(php, "sanitize", "nonsense")["value"]["operator"] == ""


def test_who_may_not_write_scripts_cannot_choose_whose_script_a_site_runs(php: str) -> None:
    hostile = {"operator": "https://hostile.example", "layout": "badge"}
    outcome = run(php, "sanitize", hostile, unfiltered=False)
    assert (outcome["value"]["operator"], outcome["value"]["layout"], outcome["errors"]) == (
        OPERATOR,
        "badge",
        ["scripts"],
    )
    unpinned = {"operator": OPERATOR, "version": "", "integrity": "", "theme": "dark"}
    pinned = {"operator": OPERATOR, "version": widget_version(), "integrity": widget_integrity()}
    outcome = run(php, "sanitize", unpinned, option=pinned, unfiltered=False)
    assert {**outcome["value"], **pinned} == outcome["value"]
    assert run(php, "sanitize", {**pinned, "theme": "dark"}, option=pinned, unfiltered=False)["errors"] == []


def test_the_form_shows_what_is_set_and_every_field_has_its_label(php: str) -> None:
    option = {"operator": OPERATOR, "layout": "badge", "max_readers": 3}
    page = written(php, "page", option=option)
    fields = [*page.named("input"), *page.named("select")]
    ids = {field["id"] for field in fields if "id" in field}
    assert ids == {label["for"] for label in page.named("label")}
    assert {field["name"] for field in fields if "id" in field} == {
        f"unwalled_bridge[{name}]"
        for name in ("operator", "version", "integrity", "layout", "theme", "lang", "max_readers", "everywhere")
    }
    assert [one["value"] for one in page.named("option") if "selected" in one] == ["badge", "auto", "3", ""]
    assert OPERATOR in [field.get("value") for field in fields]
    assert {"_wpnonce"} <= {field.get("name") for field in fields}


def test_who_may_not_change_options_sees_no_form(php: str) -> None:
    assert written(php, "page", may=False).found == []


def test_the_archive_holds_the_plug_in_and_nothing_else(tmp_path: Path) -> None:
    archive = pack(tmp_path)
    sources = {f"unwalled-bridge/{f.relative_to(PLUGIN).as_posix()}" for f in PLUGIN.rglob("*") if f.is_file()}
    with zipfile.ZipFile(archive) as packed:
        assert set(packed.namelist()) == sources | {"unwalled-bridge/LICENSE"}
        assert packed.testzip() is None
    again = tmp_path / "again"
    assert pack(again).read_bytes() == archive.read_bytes()


def test_all_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    found = {
        "header": re.search(r"^ \* Version: +(\S+)$", MAIN.read_text(encoding="utf-8"), re.MULTILINE),
        "readme": re.search(r"^Stable tag: (\S+)$", (PLUGIN / "readme.txt").read_text(encoding="utf-8"), re.MULTILINE),
        "block": re.search(r"'version' +=> '([^']+)'", (PLUGIN / "block" / "index.asset.php").read_text("utf-8")),
    }
    assert {name: match and match[1] for name, match in found.items()} == dict.fromkeys(found, project)


def test_the_block_and_the_server_agree_on_its_attributes() -> None:
    about = json.loads((PLUGIN / "block" / "block.json").read_text(encoding="utf-8"))
    assert set(about["attributes"]) == {"layout", "theme", "lang", "maxReaders"}
    script = (PLUGIN / "block" / "index.js").read_text(encoding="utf-8")
    assert f'registerBlockType("{about["name"]}"' in script
    assert not re.search(r"innerHTML|https?://|eval\(", script)


def test_nothing_is_inline() -> None:
    for file in PLUGIN.rglob("*.php"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"<script|<style|style=|\son[a-z]+=|wp_add_inline", text), file
