"""What a trial leaves behind is whole, and never outside of its folder."""

from pathlib import Path

import pytest

from mibench.errors import StoreError
from mibench.files import Artifacts


def test_a_file_is_written_whole_beside_the_records(tmp_path: Path) -> None:
    Artifacts(tmp_path / "key").write("encoder.safetensors", lambda file: file.write(b"weights"))
    assert (tmp_path / "key" / "encoder.safetensors").read_bytes() == b"weights"
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["encoder.safetensors"]


@pytest.mark.parametrize("name", ["../encoder", "a/b", "", ".", "..", ".hidden", "a b", "/etc/passwd", "a\n"])
def test_a_name_is_never_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        Artifacts(tmp_path).write(name, lambda file: file.write(b""))
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept() -> None:
    Artifacts().write("encoder.safetensors", lambda file: file.write(b"weights"))


def test_a_file_system_that_refuses_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        Artifacts(tmp_path / "key").write("encoder.safetensors", lambda file: file.write(b"weights"))
