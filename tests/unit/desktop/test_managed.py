from __future__ import annotations

import json
import plistlib
from pathlib import Path

import pytest

from unwalled.desktop.browsers import Browser, Engine
from unwalled.desktop.machine import Machine
from unwalled.desktop.managed import BrowserManaged, check_unmanaged

LINUX = Machine("linux", {}, Path("/home/me"))
MAC = Machine("darwin", {"USER": "me"}, Path("/Users/me"))


def browser(name: str, path: str = "/nowhere/browser") -> Browser:
    return Browser(name, name.capitalize(), Engine.FIREFOX if name == "firefox" else Engine.CHROMIUM, path)


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def refused(name: str, machine: Machine, root: Path) -> str:
    with pytest.raises(BrowserManaged) as caught:
        check_unmanaged(browser(name), machine, root)
    return caught.value.cause


@pytest.mark.parametrize(
    ("name", "folder"), [("chromium", "etc/chromium"), ("chrome", "etc/opt/chrome"), ("brave", "etc/brave")]
)
def test_a_proxy_that_others_have_set_is_refused(tmp_path: Path, name: str, folder: str) -> None:
    put(tmp_path / folder / "policies" / "managed" / "firm.json", {"ProxyMode": "direct", "HomepageLocation": "x"})
    assert "ProxyMode." in refused(name, LINUX, tmp_path)
    check_unmanaged(browser("edge"), LINUX, tmp_path)


def test_extensions_that_look_on_are_refused(tmp_path: Path) -> None:
    put(
        tmp_path / "etc/opt/edge/policies/managed/a.json", {"ExtensionInstallForcelist": ["x"], "ExtensionSettings": {}}
    )
    assert "ExtensionInstallForcelist." in refused("edge", LINUX, tmp_path)
    # A browser that we know by its path only may be any of them.
    assert refused("vivaldi", LINUX, tmp_path)


@pytest.mark.parametrize(
    "policies",
    [
        {"Proxy": {"Mode": "none"}},
        {"Preferences": {"network.proxy.type": {"Value": 0, "Status": "locked"}}},
        {"Extensions": {"Install": ["https://firm.example/look.xpi"]}},
    ],
)
def test_the_same_of_firefox(tmp_path: Path, policies: dict[str, object]) -> None:
    put(tmp_path / "etc/firefox/policies/policies.json", {"policies": policies})
    assert next(iter(policies)) in refused("firefox", LINUX, tmp_path)


def test_policies_beside_firefox_itself_count(tmp_path: Path) -> None:
    put(tmp_path / "opt" / "distribution" / "policies.json", {"policies": {"ProxySettings": 1}})
    (tmp_path / "opt" / "firefox").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "opt" / "firefox")
    with pytest.raises(BrowserManaged):
        check_unmanaged(browser("firefox", str(tmp_path / "link")), LINUX, tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("opt/mozilla.cfg", '// line one\nlockPref("network.proxy.type", 0);', "network.proxy in mozilla.cfg"),
        ("Resources/autoconfig.cfg", "\npref('network.proxy.http', 'firm');", "network.proxy in autoconfig.cfg"),
        (
            "opt/a.cfg",
            '\npref("autoadmin.global_config_url", "https://firm")',
            "autoadmin.global_config_url in a.cfg",
        ),
        ("opt/defaults/pref/firm.js", 'pref("network.proxy.type", 0, locked);', "network.proxy in firm.js"),
        ("etc/firefox-esr/firm.js", 'pref("network.proxy.type", 5, locked);', "network.proxy in firm.js"),
        ("etc/firefox/defaults/firm.cfg", '\nlockPref("network.proxy.type", 5);', "network.proxy in firm.cfg"),
    ],
)
def test_scripts_that_lock_a_proxy_in_firefox_are_refused(tmp_path: Path, file: str, text: str, name: str) -> None:
    firefox = tmp_path / "opt" / "firefox"
    path = tmp_path / file
    for folder in (firefox.parent, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    firefox.write_text("")
    path.write_text(text)
    with pytest.raises(BrowserManaged, match=name):
        check_unmanaged(browser("firefox", str(firefox)), LINUX, tmp_path)
    # What a profile can change, what is only a remark, and what cannot be read.
    for harmless in ('\n// lockPref("network.proxy.type", 0);', 'lockPref("app.update.enabled", false);'):
        path.write_text(harmless)
        check_unmanaged(browser("firefox", str(firefox)), LINUX, tmp_path)
    path.unlink()
    path.mkdir()
    check_unmanaged(browser("firefox", str(firefox)), LINUX, tmp_path)
    check_unmanaged(browser("chromium", str(firefox)), LINUX, tmp_path)


def test_on_a_mac_they_are_property_lists(tmp_path: Path) -> None:
    path = tmp_path / "Library" / "Managed Preferences" / "me" / "com.google.Chrome.plist"
    path.parent.mkdir(parents=True)
    path.write_bytes(plistlib.dumps({"ProxySettings": {"ProxyMode": "system"}}))
    assert "ProxySettings" in refused("chrome", MAC, tmp_path)
    path.write_bytes(b"bplist00 and no more")
    check_unmanaged(browser("chrome"), MAC, tmp_path)


def test_other_policies_and_damaged_ones_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "etc/chromium/policies/managed"
    put(folder / "a.json", {"HomepageLocation": "x", "ExtensionSettings": {}, "Preferences": "network.proxy"})
    put(folder / "b.json", ["ProxyMode"])
    (folder / "c.json").write_text("{")
    put(tmp_path / "etc/firefox/policies/policies.json", {"policies": 3})
    check_unmanaged(browser("chromium"), LINUX, tmp_path)
    check_unmanaged(browser("firefox"), LINUX, tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("chromium", "etc/chromium.d/proxy"),
        ("chromium", "home/.config/chromium-flags.conf"),
        ("brave", "home/.var/app/com.brave.Browser/config/brave-flags.conf"),
        ("vivaldi", "etc/chromium.d/proxy"),
    ],
)
def test_a_switch_of_the_starting_script_that_wins_over_ours_is_refused(tmp_path: Path, name: str, file: str) -> None:
    machine = Machine("linux", {}, tmp_path / "home")
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text('# --proxy-auto-detect\nexport CHROMIUM_FLAGS="$CHROMIUM_FLAGS --no-proxy-server"\n')
    assert f"--no-proxy-server in {path.name}." in refused(name, machine, tmp_path)
    check_unmanaged(browser("edge"), machine, tmp_path)
    path.write_text("# --no-proxy-server\n--proxy-server=http://elsewhere.example:3128\n--disable-gpu\n")
    # Of two proxies the last one counts, which is ours.
    check_unmanaged(browser(name), machine, tmp_path)


def test_the_folder_of_settings_is_where_the_environment_says(tmp_path: Path) -> None:
    (tmp_path / "chrome-flags.conf").write_text("--proxy-pac-url=http://elsewhere.example/")
    machine = Machine("linux", {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path / "home")
    assert "--proxy-pac-url" in refused("chrome", machine, tmp_path)
