"""Searches all that programs have written for what must not be in it, in every form in which it could stand there."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_LEAST_BYTES = 4
_LEAST_BINARY_BYTES = 6
"""Shorter runs of bytes stand in any large binary by chance. Packed IPv4 addresses are searched in spite of it."""


@dataclass(frozen=True, slots=True)
class Find:
    """Something that was found: which needle, in which form, and where."""

    needle: str
    form: str
    place: str


def forms_of(secret: str | bytes) -> dict[str, bytes]:
    """Every form by its name. Texts are compared without regard to case: give the haystack in lower case, too."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found: dict[str, bytes] = {"text": raw} if isinstance(secret, str) else {"bytes": raw}
    if len(raw) >= _LEAST_BINARY_BYTES:
        found["hex"] = raw.hex().encode()
        for offset in range(3):
            # In base64 it looks different after each number of bytes before it; the ends depend on the neighbours.
            encoded = base64.b64encode(bytes(offset) + raw)
            start, end = (offset * 8 + 5) // 6, (offset + len(raw)) * 8 // 6
            found[f"base64 +{offset}"] = encoded[start:end]
            found[f"base64url +{offset}"] = base64.urlsafe_b64encode(bytes(offset) + raw)[start:end]
        found["reversed"] = raw[::-1]
    if isinstance(secret, str):
        found["utf-16"] = secret.encode("utf-16-le")
        found["percent"] = "".join(f"%{byte:02x}" for byte in raw).encode()
        try:
            address = ipaddress.ip_address(secret)
        except ValueError:
            if "." in secret and " " not in secret and "/" not in secret:
                labels = secret.split(".")
                found["labels reversed"] = ".".join(reversed(labels)).encode()
                found["labels with spaces"] = " ".join(reversed(labels)).encode()
                found["dns"] = b"".join(bytes((len(label),)) + label.encode() for label in labels)
        else:
            found["packed"] = address.packed
            found["packed reversed"] = address.packed[::-1]
            found["number"] = str(int(address)).encode()
            found["hex"] = address.packed.hex().encode()
            found["reverse dns"] = address.reverse_pointer.removesuffix(".in-addr.arpa").encode()
            found["exploded"] = address.exploded.encode()
    return {form: value for form, value in found.items() if len(value) >= _LEAST_BYTES}


def search(needles: Mapping[str, str | bytes], places: Mapping[str, bytes]) -> list[Find]:
    """All finds. ``places``: contents by where they stand; ``needles``: what is searched, by a name for it."""
    forms = {name: forms_of(secret) for name, secret in needles.items()}
    finds = []
    for place, content in places.items():
        lowered = content.lower()
        for name, of_needle in forms.items():
            for form, value in of_needle.items():
                if value in content or value.lower() in lowered:
                    finds.append(Find(name, form, place))
    return finds


def written_below(folders: Iterable[Path]) -> dict[str, bytes]:
    """The content of every file below the folders, and the names of files and folders; links are not followed."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder.parent))
            found[f"name of {name}"] = name.encode()
            if path.is_file() and not path.is_symlink():
                found[name] = path.read_bytes()
    return found
