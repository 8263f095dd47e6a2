# SPDX-License-Identifier: Apache-2.0
"""archives: finding files in packed corpora; damaged archives."""

import bz2
import io
import os
import tarfile
import zipfile

import pytest

from common import errors
from converters.shared import archives
from tests.helpers import corpus_files
from tests.helpers.archive_files import gzipped
from tests.helpers.archive_files import tar_bz2
from tests.helpers.archive_files import tar_gz
from tests.helpers.archive_files import tarred
from tests.helpers.archive_files import zipped


def locked(files):
  """Returns a zip archive with entries that claim to have a password."""
  data = bytearray(zipped(files))
  for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
    start = data.find(signature)
    while start >= 0:
      data[start + offset] |= 1
      start = data.find(signature, start + 1)
  return bytes(data)


@pytest.fixture
def source(tmp_path):
  """Makes a Source of {name: bytes}."""

  def make(files):
    return archives.Source(corpus_files.write(tmp_path / "in", files))

  return make


def message(call, *args):
  """Returns the message of the InputError that a call raises."""
  with pytest.raises(errors.InputError) as caught:
    call(*args)
  assert "\n" not in str(caught.value)
  return str(caught.value)


PACKED = [
  # files of the folder, why
  ({"a.txt": b"x"}, "as it is"),
  ({"A.TXT": b"x"}, "in capitals"),
  ({"deep/down/a.txt": b"x"}, "in a folder"),
  ({"c.zip": zipped({"a.txt": b"x"})}, "zip"),
  ({"c.ZIP": zipped({"a.txt": b"x"})}, "zip in capitals"),
  ({"c.zip": zipped({"c/a.txt": b"x"}, zipfile.ZIP_BZIP2)}, "zip with bzip2"),
  ({"c.tar": tarred({"a.txt": b"x"})}, "tar"),
  ({"c.tar": tarred({"./c/a.txt": b"x"})}, "tar of a folder"),
  ({"c.tar.gz": tar_gz({"a.txt": b"x"})}, "tar.gz"),
  ({"c.tgz": tar_gz({"a.txt": b"x"})}, "tgz"),
  ({"c.tar.bz2": tar_bz2({"a.txt": b"x"})}, "tar.bz2"),
  ({"a.txt.gz": gzipped(b"x")}, "gz"),
  ({"c.zip": zipped({"a.txt.gz": gzipped(b"x")})}, "gz in zip"),
  ({"c.tar": tarred({"d.zip": zipped({"a.txt": b"x"})})}, "zip in tar"),
  (
    {"c.tar.gz": tar_gz({"d.zip": zipped({"e.tar": tarred({"a.txt": b"x"})})})},
    "tar in zip in tar.gz",
  ),
]


@pytest.mark.parametrize(
  ("files", "why"), PACKED, ids=[why for _, why in PACKED]
)
def test_a_file_is_found_in_every_kind_of_archive(source, files, why):
  assert source(files).read("text", "a.txt")[0] == b"x", why


def test_a_path_includes_all_archives_around_a_file(source, tmp_path):
  files = {"c.tar": tarred({"d.zip": zipped({"e/a.txt": b"x"})})}
  path = str(tmp_path / "in" / "c.tar") + "/d.zip/e/a.txt"
  assert source(files).file("text", "a.txt").path == path


def test_archives_nested_four_deep_stay_closed(source):
  data = zipped({"a.txt": b"x"})
  for _ in range(3):
    data = zipped({"inner.zip": data})
  found = source({"c.zip": data})
  assert not found.find("a.txt")
  assert len(found.find("inner.zip")) == 1


PATTERNS = [
  # patterns, names found, why
  (("*.txt",), ["a/1.txt", "b/2.TXT"], "in any folder, in any case"),
  (("a/*.txt",), ["a/1.txt"], "a folder"),
  (("A/1.TXT",), ["a/1.txt"], "patterns in capitals"),
  (("*/*/1.txt",), [], "more folders than there are"),
  (("?.tsv", "2.*"), ["3.tsv", "b/2.TXT"], "several"),
  (("[12].txt",), ["a/1.txt", "b/2.TXT"], "a set of characters"),
  (("1.tx",), [], "a whole name only"),
  (("*",), ["3.tsv", "a/1.txt", "b/2.TXT"], "all"),
]


@pytest.mark.parametrize(("patterns", "names", "why"), PATTERNS)
def test_patterns_match_the_ends_of_names(source, patterns, names, why):
  found = source({"a/1.txt": b"1", "b/2.TXT": b"2", "3.tsv": b"3"})
  assert [file.name for file in found.find(*patterns)] == names, why


def test_patterns_match_whole_folder_names(source):
  assert not source({"11/train.tsv": b"x"}).find("1/train.tsv")


def test_names_are_relative_to_the_folder_or_the_archive(source, tmp_path):
  found = source({"c.zip": zipped({"d/a.txt": b"x"}), "e/b.txt": b"y"})
  a, b = found.find("?.txt")
  folder = str(tmp_path / "in")
  assert (a.name, a.container) == ("d/a.txt", os.path.join(folder, "c.zip"))
  assert (b.name, b.container) == ("e/b.txt", folder)


def test_identical_copies_count_once(source):
  found = source({"a.txt": b"x", "c.zip": zipped({"c/a.txt": b"x"})})
  assert len(found.find("a.txt")) == 1


def test_copies_that_differ_are_an_error(source, tmp_path):
  found = source({"a.txt": b"x", "c.zip": zipped({"a.txt": b"y"})})
  folder = str(tmp_path / "in")
  assert message(found.find, "a.txt") == (
    "%s/a.txt and %s/c.zip/a.txt: found two files of the same name that "
    "differ, expected one of them" % (folder, folder)
  )


def test_a_pattern_with_folders_distinguishes_files_of_the_same_name(source):
  found = source({"train/a.txt": b"x", "test/a.txt": b"y"})
  assert found.read("text", "train/a.txt")[0] == b"x"
  assert [f.name for f in found.find("*/a.txt")] == [
    "test/a.txt",
    "train/a.txt",
  ]


HARMLESS = [
  "../../x/a.txt",
  "/etc/a.txt",
  "..\\..\\a.txt",
  "c:\\a.txt",
  "./a.txt",
]


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_paths_that_leave_an_archive_do_no_harm(source, tmp_path, pack, name):
  ending = "zip" if pack is zipped else "tar"
  found = source({"c." + ending: pack({name: b"x"})})
  assert found.read("text", "a.txt")[0] == b"x"
  files = [f for _, _, names in os.walk(str(tmp_path)) for f in names]
  assert files == ["c." + ending]


@pytest.mark.parametrize("name", ["..", "c/..", "."])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_file_with_a_name_that_none_has_is_rejected(source, pack, name):
  ending = "zip" if pack is zipped else "tar"
  said = "found a file called '%s' inside" % name
  with pytest.raises(errors.InputError, match=said):
    source({"c." + ending: pack({"a.txt": b"x", name: b"x"})})


LITTER = ["__MACOSX/a.txt", "__MACOSX/c/._a.txt", "._a.txt", ".svn/a.txt"]


@pytest.mark.parametrize("name", LITTER)
def test_hidden_files_and_those_added_by_macos_are_skipped(source, name):
  files = {"c.zip": zipped({name: b"y", "1.txt": b"x"})}
  files["d.tar"] = tarred({name: b"z", "1.txt": b"x"})
  files[".hidden/2.txt"] = files[".3.txt"] = b"y"
  assert [f.name for f in source(files).find("*")] == ["1.txt"]


def test_links_out_of_a_tar_archive_are_not_followed(source):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w") as archive:
    link = tarfile.TarInfo("link.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(link)
    info = tarfile.TarInfo("a.txt")
    archive.addfile(info, io.BytesIO(b""))
  found = source({"c.tar": buffer.getvalue()})
  assert [f.name for f in found.find("*")] == ["a.txt"]


TEXT = {"a.txt": bytes(range(256)) * 40, "b.txt": b"y" * 3000}
LZMA = zipped(TEXT, zipfile.ZIP_LZMA)
TAR = tarred(TEXT)
GZ = tar_gz(TEXT)
DAMAGED = [
  # name, data, why
  ("c.zip", b"", "an empty zip"),
  ("c.zip", b"<html>Not found</html>", "a page in place of a zip"),
  ("c.zip", zipped(TEXT)[:-30], "a zip cut off"),
  ("c.zip", zipped(TEXT)[:100], "a zip cut off early"),
  ("c.zip", zipped(TEXT)[50:], "a zip without its beginning"),
  ("c.zip", LZMA[:60] + b"\xff" * 60 + LZMA[120:], "LZMA overwritten"),
  ("c.zip", locked(TEXT), "a zip with a password"),
  ("c.tar", b"", "an empty tar"),
  ("c.tar", b"x" * 2000, "no tar"),
  ("c.tar", TAR[:300], "a tar cut within its first header"),
  ("c.tar", TAR[:5000], "a tar cut within a file"),
  ("c.tar", TAR[:10752], "a tar cut between two files"),
  ("c.tar", TAR[:10900], "a tar cut within its second header"),
  ("c.tar", TAR[:10760] + b"\xff" + TAR[10761:], "a header overwritten"),
  ("c.tar", tarred({}), "a tar without files"),
  ("c.tar.gz", GZ[:-20], "a tar.gz cut off"),
  ("c.tar.gz", GZ[:-8] + b"\0\0\0\0" + GZ[-4:], "another checksum"),
  ("c.tar.bz2", bz2.compress(TAR)[:-20], "a tar.bz2 cut off"),
  ("a.txt.gz", gzipped(b"x" * 999)[:-9], "a gz cut off"),
  ("a.txt.gz", b"plain text", "no gz"),
  ("a.txt.gz", gzipped(b"x") + b"more", "more behind a gz"),
]


def read_all(source, files):
  return [file.read() for file in source(files).find("*")]


@pytest.mark.parametrize(
  ("name", "data", "why"), DAMAGED, ids=[why for _, _, why in DAMAGED]
)
def test_damaged_and_encrypted_archives_are_an_error(
  source, tmp_path, name, data, why
):
  said = message(read_all, source, {name: data})
  assert said.startswith(str(tmp_path / "in" / name)), why
  assert ": found a damaged or encrypted archive (" in said
  assert said.endswith("), expected a whole one without a password")


def test_an_uncompressed_tar_archive_may_end_in_gz(source):
  assert read_all(source, {"c.tar.gz": TAR}) == list(TEXT.values())


def test_a_compressed_tar_archive_may_end_in_gz(source):
  (file,) = source({"c.xml.gz": tar_gz({"a.xml": b"x"})}).find("a.xml")
  assert file.read() == b"x" and file.path.endswith("c.xml.gz/a.xml")


def test_a_tar_archive_that_is_not_compressed_may_end_in_gz(source):
  (file,) = source({"c.xml.gz": tarred({"a.xml": b"x"})}).find("a.xml")
  assert file.read() == b"x"


def test_a_name_without_wildcards_is_looked_up_not_searched(
  source, monkeypatch
):
  made = source({"t/%d.txt" % i: b"x" for i in range(50)})
  compared, matching_end = [], archives._matching_end
  monkeypatch.setattr(
    archives,
    "_matching_end",
    lambda *args: compared.append(args) or matching_end(*args),
  )
  for i in range(50):
    assert made.file("text", "T/%d.TXT" % i).name == "t/%d.txt" % i
  assert len(compared) == 50


def test_the_error_about_a_password_names_the_file(source):
  said = message(read_all, source, {"c.zip": locked({"d/a.txt": b"x"})})
  assert "c.zip/d/a.txt: " in said and "password required" in said


def test_the_error_about_a_nested_archive_names_both(source):
  said = message(source, {"c.tar": tarred({"d.zip": b"no zip"})})
  assert "c.tar/d.zip: found a damaged" in said


def nested_bombs(number):
  """Returns a zip of `number` archives with 400 bytes in each."""
  return zipped(
    {"%d.tar.gz" % i: tar_gz({"a.txt": b"x" * 400}) for i in range(number)}
  )


BOMBS = [
  ("c.zip", zipped({"a.txt": b"x" * 9000, "b.txt": b"x" * 9000}), "a zip"),
  ("c.tar", tarred({"a.txt": b"x" * 16385}), "a tar"),
  ("c.tar.gz", tar_gz({"a.txt": b"x" * 16385}), "a tar.gz"),
  ("c.tar.bz2", tar_bz2({"a.txt": b"x" * 16385}), "a tar.bz2"),
  ("c.tar.gz", gzipped(TAR + bytes(16385)), "zeros behind a tar"),
  ("c.zip", nested_bombs(2), "archives within an archive"),
  ("a.txt.gz", gzipped(b"x" * 16385), "a gz"),
  ("c.zip", zipped({"a.txt.gz": gzipped(b"x" * 16385)}), "a gz in a zip"),
]


@pytest.mark.parametrize(
  ("name", "data", "why"), BOMBS, ids=[why for _, _, why in BOMBS]
)
def test_archives_that_unpack_to_too_much_are_an_error(
  source, monkeypatch, name, data, why
):
  monkeypatch.setattr(archives, "_MAX_BYTES", 16384)
  said = message(read_all, source, {name: data})
  assert name in said and ": found more than 16384 bytes" in said, why


def test_the_archives_of_a_folder_have_one_limit(source, monkeypatch):
  monkeypatch.setattr(archives, "_MAX_BYTES", 16384)
  half = tar_gz({"a.txt": b"x"})
  read_all(source, {"1.tar.gz": half})
  said = message(source, {"2.tar.gz": half})
  assert said.endswith(
    "2.tar.gz: found more than 16384 bytes in this and the archives before it, "
    "expected a corpus of the benchmark"
  )


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_of_too_many_files_is_an_error(source, monkeypatch, pack):
  monkeypatch.setattr(archives, "_MAX_FILES", 2)
  name = "c.zip" if pack is zipped else "c.tar"
  assert len(source({name: pack({"1": b"", "2": b""})}).find("*")) == 2
  said = message(source, {name: pack({"1": b"", "2": b"", "3": b""})})
  assert ": found more than 2 files in this and" in said


def test_an_archive_of_the_largest_size_is_read(source, monkeypatch):
  monkeypatch.setattr(archives, "_MAX_BYTES", 1024)
  files = {"a.gz": gzipped(b"x" * 1024), "c.zip": zipped({"b": b"y" * 1024})}
  assert read_all(source, files) == [b"x" * 1024, b"y" * 1024]


def test_a_missing_folder_is_an_error(tmp_path):
  path = str(tmp_path / "no")
  assert message(archives.Source, path) == (
    "%s: no such folder; expected the corpus as its owners distribute it" % path
  )


def test_the_error_about_a_missing_file_names_the_patterns(source, tmp_path):
  said = message(source({"a.txt": b""}).read, "tags", "tags.tsv", "*.tag")
  assert said == (
    "%s: found no tags, expected tags.tsv or *.tag in the folder or in its "
    "archives" % (tmp_path / "in")
  )


def test_several_files_in_place_of_one_are_an_error(source, tmp_path):
  said = message(source({"a.txt": b"x", "b.txt": b"y"}).read, "text", "*.txt")
  folder = str(tmp_path / "in")
  assert said == (
    "%s: found 2 files that could be the text (%s/a.txt, %s/b.txt), expected "
    "one" % (folder, folder, folder)
  )


def test_a_file_that_has_vanished_is_an_error(source, tmp_path):
  file = source({"a.txt": b"x"}).file("text", "a.txt")
  os.remove(str(tmp_path / "in" / "a.txt"))
  assert "a.txt: cannot be read (No such file" in message(file.read)


def digest_of(source, files, *names):
  """Returns the digest after some of the files were read."""
  found = source(files)
  for name in names:
    found.read("text", name)
  return found.digest()


def test_the_digest_covers_the_files_read_in_any_order(source):
  files = {"a.txt": b"x", "b.txt": b"y"}
  both = digest_of(source, files, "a.txt", "b.txt")
  assert digest_of(source, files, "b.txt", "a.txt", "a.txt") == both
  digests = {both, digest_of(source, files), digest_of(source, files, "a.txt")}
  digests.add(digest_of(source, {"a.txt": b"y"}, "a.txt"))
  assert len(digests) == 4 and {len(digest) for digest in digests} == {64}


def test_the_digest_accepts_names_that_are_not_utf8(source):
  found = source({"c.tar": tarred({"caf\udce9/a.txt": b"x"})})
  found.read("text", "a.txt")
  assert len(found.digest()) == 64


def test_the_error_names_an_archive_to_unpack(tmp_path):
  (tmp_path / "corpus.rar").write_bytes(b"Rar!")
  with pytest.raises(errors.InputError, match=r"; unpack .*corpus\.rar, which"):
    archives.Source(str(tmp_path)).files("texts", "*.txt")


def test_every_file_includes_copies_of_the_same_name(source):
  found = source(
    {"b/a.txt": b"x", "a/a.txt": b"y", "c.tar": tarred({"d": b""})}
  )
  assert [file.name for file in found.every_file()] == [
    "a/a.txt",
    "b/a.txt",
    "d",
  ]


# -- unpacking ---------------------------------------------------------------

WEIGHTS = {
  "albert/model.ckpt.meta": b"graph",
  "albert/model.ckpt.data": b"numbers" * 20000,
}


def unpack(folder, data):
  """Unpacks an archive beside itself; returns {name: bytes} of its files."""
  path = folder / "archive"
  path.write_bytes(data)
  archives.unpack(str(path), str(folder))
  return {
    file.name: file.read_bytes() for file in folder.iterdir() if file != path
  }


@pytest.mark.parametrize("pack", [zipped, tarred, tar_gz, tar_bz2])
def test_weights_are_unpacked_side_by_side_without_litter(tmp_path, pack):
  litter = {"__MACOSX/albert/._model.ckpt.meta": b"x", "albert/.DS_Store": b"x"}
  found = unpack(tmp_path, pack(dict(WEIGHTS, **litter)))
  assert found == {os.path.basename(x): WEIGHTS[x] for x in WEIGHTS}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_no_file_is_unpacked_elsewhere(tmp_path, pack):
  inside = tmp_path / "in"
  inside.mkdir()
  files = {"../../a": b"a", str(tmp_path / "b"): b"b", "..\\c": b"c"}
  assert unpack(inside, pack(files)) == {"a": b"a", "b": b"b", "c": b"c"}
  assert list(tmp_path.iterdir()) == [inside]


def test_links_are_not_unpacked(tmp_path):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w") as archive:
    for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
      info = tarfile.TarInfo(name)
      info.type, info.linkname = kind, "/etc/passwd"
      archive.addfile(info)
  assert unpack(tmp_path, buffer.getvalue()) == {}


@pytest.mark.parametrize(
  ("files", "said"),
  [
    ({"albert/..": b"x"}, "found a file called 'albert/..' inside"),
    ({"a/x": b"1", "b/x": b"2"}, "found 'b/x' inside, which would replace"),
    ({"a/archive": b"x"}, "found 'a/archive' inside, which would replace"),
    ({"SHA256SUMS": b"x"}, "found 'SHA256SUMS' inside, which would replace"),
  ],
)
def test_names_that_would_replace_a_file_are_an_error(tmp_path, files, said):
  with pytest.raises(errors.InputError) as error:
    unpack(tmp_path, tar_gz(files))
  assert said in str(error.value)
  assert os.listdir(str(tmp_path)) == ["archive"]


@pytest.mark.parametrize("pack", [zipped, tar_gz])
def test_weights_that_unpack_to_too_much_are_an_error(
  tmp_path, monkeypatch, pack
):
  monkeypatch.setattr(archives, "_MAX_UNPACKED", 140004)
  with pytest.raises(errors.InputError, match="more than 140004 bytes inside"):
    unpack(tmp_path, pack(WEIGHTS))
  assert os.listdir(str(tmp_path)) == ["archive"]


@pytest.mark.parametrize("pack", [zipped, tar_gz])
def test_damage_leaves_no_file_under_its_name(tmp_path, pack):
  data = pack({"model.ckpt.data": os.urandom(200000)})
  middle = len(data) // 2
  damaged = data[:middle] + bytes(50) + data[middle + 50 :]
  with pytest.raises(errors.InputError, match="found a damaged or encrypted"):
    unpack(tmp_path, damaged if pack is zipped else data[:middle])
  assert "model.ckpt.data" not in os.listdir(str(tmp_path))


def test_a_file_that_is_there_already_is_not_unpacked_again(tmp_path):
  unpack(tmp_path, zipped(WEIGHTS))
  os.utime(str(tmp_path / "model.ckpt.data"), (1, 1))
  (tmp_path / "model.ckpt.meta").write_bytes(b"cut")
  assert unpack(tmp_path, zipped(WEIGHTS))["model.ckpt.meta"] == b"graph"
  assert os.path.getmtime(str(tmp_path / "model.ckpt.data")) == 1
