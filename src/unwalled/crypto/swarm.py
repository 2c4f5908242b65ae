"""Private swarms: the secret that a helper and their own readers share, and what others see of it.

::

    secret      16   random; stands in the readers' link, and never leaves the helper's computer otherwise
    tag         22   characters: b64 of the first 16 bytes of SHA-256("unwalled/1 swarm" ‖ secret); bridges tell it
    invite id    8   first 8 bytes of SHA-256("unwalled/1 swarm invite" ‖ tag); of the token that the operator makes

A reader proves that it has the link by sending the secret, sealed to the broker; whoever sees a bridge's hello on its
way (a CDN, for example) learns the tag, and can ask for nothing with it.
"""

from __future__ import annotations

import hashlib

from unwalled.wire import b64

SECRET_BYTES = 16
_TAG_BYTES = 16
_ID_BYTES = 8
_TAG_CONTEXT = b"unwalled/1 swarm"
_ID_CONTEXT = b"unwalled/1 swarm invite"


def swarm_tag(secret: bytes) -> str:
    """What a bridge of this swarm tells the broker, 22 characters."""
    return b64.encode(hashlib.sha256(_TAG_CONTEXT + secret).digest()[:_TAG_BYTES])


def swarm_invite_id(tag: str) -> bytes:
    """The id in the token that only this swarm's readers can use, 8 bytes."""
    return hashlib.sha256(_ID_CONTEXT + tag.encode()).digest()[:_ID_BYTES]
