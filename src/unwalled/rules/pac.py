"""The rules as a proxy auto-configuration file, for browsers that shall not ask the proxy for every site. Pure.

The file says DIRECT only where the proxy itself would go directly for sure; whatever is less simple goes to the proxy,
which decides with all that it knows: addresses, exceptions, what was learned, what needs a try. No name is ever looked
up here. The proxy is named as ``PROXY`` alone: to an HTTP proxy every browser sends names, to ``SOCKS5`` some still
send addresses that they have looked up; and to a second choice or ``DIRECT`` a browser would go when the proxy is away.

The script keeps to the oldest ECMAScript (1999), which Windows' own proxy resolver speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from unwalled.errors import RuleError
from unwalled.rules.bounds import RULES, RulesLimits
from unwalled.rules.decisions import Rules
from unwalled.rules.modes import ListRole, RuleMode
from unwalled.rules.names import HIDDEN_SUFFIXES, LOCAL_SUFFIXES
from unwalled.rules.patterns import BELOW, ITSELF, NamePattern
from unwalled.rules.tables import PatternSet

_PROXY = re.compile(r"(?:[0-9.]+|\[[0-9a-f:]+\]):[0-9]{1,5}\Z")

_EVERYTHING = """\
function FindProxyForURL(url, host) {
  return "PROXY %s";
}
"""

_HEAD = """\
var viaProxy = "PROXY %(proxy)s";
var direct = "DIRECT";
"""

_BODY = """\
function put(set, names, part) {
  names = names.split(" ");
  for (var i = 0; i < names.length; i++)
    if (names[i]) set["." + names[i]] |= part;
}
function has(set, globs, host) {
  var part = 1, name = host, dot;
  for (;;) {
    if (set["." + name] & part) return true;
    dot = name.indexOf(".");
    if (dot < 0) break;
    name = name.substring(dot + 1);
    part = 2;
  }
  for (var i = 0; i < globs.length; i++)
    if (fits(globs[i], host)) return true;
  return false;
}
function fits(glob, name) {
  var at = 0, place = 0, star = -1, mark = 0;
  while (place < name.length) {
    if (glob.charAt(at) == "*") {
      star = at++;
      mark = place;
    } else if (at < glob.length && glob.charAt(at) == name.charAt(place)) {
      at++;
      place++;
    } else if (star >= 0) {
      place = ++mark;
      at = star + 1;
    } else return false;
  }
  while (glob.charAt(at) == "*") at++;
  return at == glob.length;
}
function isPrivate(host) {
  return /^(127|10|192\\.168|169\\.254|172\\.(1[6-9]|2\\d|3[01]))\\./.test(host);
}
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\\.$/, "");
  if (/^[\\d.]+$/.test(host)) return %(private)s;
  if (host.indexOf(":") >= 0 || has(through, throughGlobs, host)) return viaProxy;
  if (host.indexOf(".") < 0 || has(straight, straightGlobs, host)) return direct;
  return %(otherwise)s;
}
"""


def render_pac(rules: Rules, proxy: str, limits: RulesLimits = RULES) -> str:
    """The file for a proxy at ``proxy``, an address and a port. Raises RuleError when that is none."""
    if not _PROXY.match(proxy):
        raise RuleError("The proxy's address is none.", "Write it as 127.0.0.1:1080.")
    if rules.mode is RuleMode.EVERYTHING:
        return _EVERYTHING % proxy
    through = [rules.own.through, *_of(rules, ListRole.BLOCKED)]
    straight = [rules.own.direct]
    # Where a name leads is known only once it is looked up, which nothing may do here.
    has_ranges = any(one.ranges for one in through)
    otherwise = "direct" if rules.mode is RuleMode.LISTED and not has_ranges else "viaProxy"
    if not has_ranges:
        straight += _of(rules, ListRole.DIRECT)
        through += [one.exceptions for one in rules.lists if one.role is ListRole.DIRECT]
    private = "viaProxy" if has_ranges else "isPrivate(host) ? direct : viaProxy"
    text = _render(proxy, through, straight, otherwise, private)
    if len(text) > limits.pac_bytes:
        text = _render(proxy, [], [], "viaProxy", private)
    return text


def _of(rules: Rules, role: ListRole) -> list[PatternSet]:
    return [one.matches for one in rules.lists if one.role is role]


def _render(proxy: str, through: list[PatternSet], straight: list[PatternSet], otherwise: str, private: str) -> str:
    local = [NamePattern(name, ITSELF | BELOW) for name in sorted(LOCAL_SUFFIXES)]
    hidden = [NamePattern(name, ITSELF | BELOW) for name in sorted(HIDDEN_SUFFIXES)]
    return "".join(
        (
            _HEAD % {"proxy": proxy},
            *_set("through", [*hidden, *_names(through)], _globs(through)),
            *_set("straight", [*local, *_names(straight)], _globs(straight)),
            _BODY % {"otherwise": otherwise, "private": private},
        )
    )


def _names(sets: list[PatternSet]) -> Iterator[NamePattern]:
    for one in sets:
        yield from one.names


def _globs(sets: list[PatternSet]) -> list[str]:
    return sorted({pattern.text for one in sets for pattern in one.wildcards})


def _set(variable: str, names: Iterable[NamePattern], globs: list[str]) -> Iterator[str]:
    by_parts: dict[int, list[str]] = {}
    for pattern in names:
        by_parts.setdefault(pattern.parts, []).append(pattern.name)
    quoted = ", ".join(f'"{glob}"' for glob in globs)
    yield f"var {variable} = {{}}, {variable}Globs = [{quoted}];\n"
    for parts, found in sorted(by_parts.items()):
        yield f'put({variable}, "{" ".join(found)}", {parts});\n'
