"""The file system that a path lies on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/mounts")

NETWORK: Final = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "ceph", "coda", "glusterfs",
        "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph",
        "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.goofys", "fuse.juicefs", "fuse.davfs",
    }
)  # fmt: skip
"""File systems that several hosts may share: locks and shared memory do not work across hosts."""


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system that a path lies on.

    Args:
        path: An absolute path without links.
        mounts: The table of mounted file systems.

    Returns:
        The type, such as `ext4`; None where it is unknown.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    name, depth = None, 0
    for line in lines:
        _, point, file_system_type, *_ = line.split(" ")
        place = Path(_unescaped(point))
        # Of two mounts on one point, the later one is visible.
        if path.is_relative_to(place) and len(place.parts) >= depth:
            name, depth = file_system_type, len(place.parts)
    return name


def _unescaped(point: str) -> str:
    for code in ("040", "011", "012", "134"):
        point = point.replace(f"\\{code}", chr(int(code, 8)))
    return point
