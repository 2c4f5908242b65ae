"""Packs the WordPress plug-in into dist/unwalled-bridge.zip (`make wordpress`). Same sources, same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "integrations" / "wordpress" / "unwalled-bridge"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path) -> Path:
    """Writes the archive into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{PLUGIN.name}.zip"
    files = {file.relative_to(PLUGIN).as_posix(): file for file in PLUGIN.rglob("*") if file.is_file()}
    files["LICENSE"] = ROOT / "LICENSE"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, file in sorted(files.items()):
            about = zipfile.ZipInfo(f"{PLUGIN.name}/{name}", _LONG_AGO)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            packed.writestr(about, file.read_bytes())
    return archive


if __name__ == "__main__":
    print(pack(ROOT / "dist").relative_to(ROOT))
