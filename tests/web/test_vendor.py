"""What others wrote is as it was listed, and each piece has its licence beside it."""

from vpp.web.vendor import PIECES, STATIC, differing, digest


def test_every_file_has_the_listed_digest():
    assert STATIC.is_dir() and differing() == []


def test_a_changed_or_missing_file_is_found(tmp_path):
    piece = PIECES[0]
    changed = type(piece)(piece.package, piece.member, "a.js", digest(b"as listed"), tmp_path)
    assert differing([changed]) == ["a.js"]
    (tmp_path / "a.js").write_bytes(b"as listed")
    assert differing([changed]) == []


def test_every_package_comes_with_its_licence():
    with_licence = {p.package for p in PIECES if p.member == "LICENSE"}
    assert with_licence == {p.package for p in PIECES}
    listed = {p.name for p in PIECES if p.folder == STATIC}
    assert {path.name for path in STATIC.iterdir()} == listed
