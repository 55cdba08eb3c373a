"""The control groups that bind this process: where their files are, and how such files read."""

from pathlib import Path


def control_groups(root: Path, controller: str) -> list[Path]:
    """Folders of this process's group for `controller`, innermost first, up to the mount point; of both versions."""
    mount = root / "sys/fs/cgroup"
    folders: list[Path] = []
    for line in lines_of(root / "proc/self/cgroup"):
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if not names:
            folders += _upwards(mount, path)
        elif controller in names.split(","):
            # Controllers that share a mount are found under their own name, or under all of them joined.
            below = mount / controller
            folders += _upwards(below if below.is_dir() else mount / names, path)
    return folders


def _upwards(mount: Path, path: str) -> list[Path]:
    """`mount`/`path` and all folders above it up to the mount point, those that exist.

    Inside a container the path may be the host's, of which only the mount point itself is visible.
    """
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    folders = (mount.joinpath(*parts[:count]) for count in range(len(parts), -1, -1))
    return [folder for folder in folders if folder.is_dir()]


def lines_of(path: Path) -> list[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def words_of(path: Path) -> list[str]:
    """The words of a file's first line; none where it cannot be read."""
    return next(iter(lines_of(path)), "").split()


def number_of(path: Path) -> int | None:
    """The number in a file of one; None where there is no file, or it says `max` or -1."""
    words = words_of(path)
    return int(words[0]) if words and words[0].isdigit() else None


def table_of(path: Path) -> dict[str, int]:
    """Lines of `name number` or `name: number unit`."""
    table = {}
    for line in lines_of(path):
        words = line.split()
        if len(words) > 1 and words[1].isdigit():
            table[words[0].rstrip(":")] = int(words[1])
    return table
