"""A case as a zip file: what goes out comes in, and what a stranger sends harms nothing."""

import io
import zipfile
from pathlib import Path

import pytest

from assets import ASSET_TYPES
from vpp.cases import load
from vpp.domain import Mistakes
from vpp.operations.desk import packed, packing, unpacked

CASE = Path(__file__).parents[3] / "data" / "cases"


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return made.getvalue()


def a_case() -> Path:
    return next(path.parent for path in sorted(CASE.glob("*/case.toml")))


def test_a_folder_comes_in_as_it_went_out(tmp_path):
    unpacked(packed(a_case()), "case.zip", tmp_path / "in")
    there = {p.name: p.read_bytes() for p in (tmp_path / "in").iterdir()}
    assert there == {p.name: p.read_bytes() for p in a_case().iterdir() if p.suffix in packing.SUFFIXES}
    assert load(tmp_path / "in", ASSET_TYPES).units


def test_equal_folders_make_equal_files():
    assert packed(a_case()) == packed(a_case())


def test_a_folder_zipped_as_a_whole_by_an_operating_system_is_its_content(tmp_path):
    data = zipped(**{"my case/case.toml": b"x", "__MACOSX/my case/._case.toml": b"y", "my case/.DS_Store": b"z"})
    unpacked(data, "case.zip", tmp_path / "in")
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["case.toml"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no zip", "a.zip: is not a zip file that can be read; allowed: a case folder, zipped"),
        (zipped(), "a.zip: holds no file of a case; allowed: .toml, .csv, .parquet"),
        (zipped(**{"case.toml": b"", "run.exe": b""}), "a.zip: holds 'run.exe'; allowed: .toml, .csv, .parquet"),
        (
            zipped(**{"a/case.toml": b"", "b/case.toml": b""}),
            "a.zip: holds more than one folder; allowed: the files of one case",
        ),
        (zipped(**{f"{n}.csv": b"" for n in range(65)}), "a.zip: holds 65 files; allowed: at most 64"),
    ],
)  # fmt: skip
def test_what_is_no_case_is_refused_in_one_sentence(tmp_path, data, sentence):
    with pytest.raises(Mistakes) as refused:
        unpacked(data, "a.zip", tmp_path / "in")
    assert str(refused.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_leads_elsewhere_ends_in_the_folder(tmp_path):
    unpacked(zipped(**{"../../../case.toml": b"x"}), "a.zip", tmp_path / "deep" / "in")
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.toml")] == ["deep/in/case.toml"]


def test_a_file_that_would_unpack_to_more_than_is_allowed_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "MOST_BYTES", 1_000_000)
    with pytest.raises(Mistakes, match="allowed: at most 1 MB unpacked"):
        unpacked(zipped(**{"case.toml": b"0" * 2_000_000}), "a.zip", tmp_path / "in")


def test_a_zip_file_that_lies_about_a_size_is_refused(tmp_path):
    data = bytearray(zipped(**{"case.toml": b"0" * 5000}))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Mistakes):
        unpacked(bytes(data), "a.zip", tmp_path / "in")
