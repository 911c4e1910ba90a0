"""A folder with a manifest is used as the whole that the manifest lists, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from policy_router.diagnostics import Diagnostic, Span
from policy_router.language.files import read_files
from policy_router.language.manifest import MANIFEST, manifest_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_bytes(b"one\n")
    (tmp_path / "b.yml").write_bytes(b"two\n")
    listed(tmp_path)
    return tmp_path


def listed(folder: Path, *names: str) -> None:
    files = sorted(folder.glob("*.y*ml")) if not names else [folder / name for name in names]
    text = manifest_of((file.name, file.read_bytes()) for file in files)
    (folder / MANIFEST).write_text(text)


def problems(path: Path) -> list[Diagnostic]:
    files, found = read_files(path)
    assert (files is None) == bool(found)
    assert all(each.rule == "manifest-mismatch" for each in found)
    return list(found)


def test_files_that_match(folder: Path) -> None:
    assert problems(folder) == []
    assert problems(folder / "a.yaml") == []


def test_the_digest_of_a_policy_does_not_depend_on_its_manifest(folder: Path) -> None:
    with_manifest, _ = read_files(folder)
    (folder / MANIFEST).unlink()
    assert read_files(folder)[0] == with_manifest


def test_file_with_other_bytes(folder: Path) -> None:
    (folder / "b.yml").write_bytes(b"tw")
    (found,) = problems(folder)
    assert "`" + str(folder / "b.yml") + "` does not have the digest" in found.message
    assert found.span == Span(str(folder / "b.yml"), 1, 1, 1, 1)
    assert "--write-manifest" in found.help
    assert read_files(folder, verify=False)[0] is not None


def test_file_that_is_not_listed_and_file_that_is_not_there(folder: Path) -> None:
    (folder / "b.yml").rename(folder / "c.yml")
    unlisted, missing = problems(folder)
    assert "`" + str(folder / "c.yml") + "` is not listed" in unlisted.message
    assert "`" + str(folder / "b.yml") + "` is listed here but does not exist" in missing.message
    assert missing.span is not None
    assert (missing.span.file, missing.span.line) == (str(folder / MANIFEST), 2)


def test_a_single_file_needs_only_its_own_line(folder: Path) -> None:
    (folder / "b.yml").unlink()
    assert problems(folder / "a.yaml") == []
    (folder / "a.yaml").write_bytes(b"on")
    (found,) = problems(folder / "a.yaml")
    assert "does not have the digest" in found.message
    listed(folder)
    (folder / "d.yaml").write_bytes(b"new")
    (found,) = problems(folder / "d.yaml")
    assert "is not listed" in found.message


def test_line_that_is_not_in_the_format(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.write_text(manifest.read_text() + "\nabc  d.yaml\n")
    (found,) = problems(folder)
    assert found.span == Span(str(manifest), 4, 1, 4, 12)


def test_half_a_manifest(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:100])
    assert len(problems(folder)) == 2
    manifest.write_bytes(b"\xff\xfe")
    assert len(problems(folder)) == 3
    manifest.write_bytes(b"")
    assert len(problems(folder)) == 2


def test_other_forms_that_the_tools_write(folder: Path) -> None:
    one, two = (hashlib.sha256(each).hexdigest() for each in (b"one\n", b"two\n"))
    readme = hashlib.sha256(b"").hexdigest()
    text = f"{one.upper()} *a.yaml\r\n{two}  ./b.yml\r\n{readme}  README.md\r\n"
    (folder / MANIFEST).write_bytes(text.encode())
    assert problems(folder) == []


def test_name_with_a_backslash(tmp_path: Path) -> None:
    (tmp_path / "a\\b.yaml").write_bytes(b"one\n")
    listed(tmp_path)
    assert (tmp_path / MANIFEST).read_text().startswith("\\")
    assert problems(tmp_path) == []


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="GNU coreutils are not everywhere")
def test_sha256sum_agrees(folder: Path) -> None:
    (folder / "a\\b.yaml").write_bytes(b"three\n")
    listed(folder)
    command = ["sha256sum", "--check", "--strict", MANIFEST]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    command = ["sha256sum", "a.yaml", "a\\b.yaml", "b.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    assert done.stdout == (folder / MANIFEST).read_bytes()


def test_manifest_that_must_not_be_read(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to("nowhere")
    files, (found,) = read_files(folder)
    assert files is None
    assert found.rule == "unreadable-file"


def test_what_is_wrong_with_the_files_comes_first(folder: Path) -> None:
    (folder / "b.yml").unlink()
    (folder / "b.yml").symlink_to("nowhere")
    files, (found,) = read_files(folder)
    assert files is None
    assert found.rule == "unreadable-file"


def test_a_manifest_alone_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text("")
    files, (found,) = read_files(tmp_path)
    assert files is None
    assert found.rule == "no-policy-files"
