"""`cli.source_tree`: the hash of what is deployed, as Terraform computes it."""

from pathlib import Path

from videovector_bridge.cli.source_tree import find_source_hash, find_version

# sha256(jsonencode(...)) of the files below, from Terraform 1.11.4.
EXPECTED = (
    "1f576446985e3d9975e101df6a89c0b9b6f2092efeb319d0b601d8af578b9313"  # pragma: allowlist secret
)


def write_tree(folder: Path) -> None:
    """Write a small source tree."""
    files = {
        "main.py": "a = 1 < 2 > 3 & 4\n",
        "requirements.txt": "x==1\n",
        "automations.toml": 'name = "é \u2028 \\\\ \\" \t"\n',
        "videovector_bridge/b.py": "",
        "videovector_bridge/cli/c.py": "not deployed",
    }
    for name, text in files.items():
        file = folder / "functions" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")


def test_the_hash_is_the_one_that_terraform_computes(tmp_path: Path) -> None:
    """Also with the characters that its JSON escapes; without the command line."""
    write_tree(tmp_path)

    assert find_source_hash(source_tree=tmp_path) == EXPECTED
    (tmp_path / "functions/videovector_bridge/cli/c.py").write_text("changed", encoding="utf-8")
    assert find_source_hash(source_tree=tmp_path) == EXPECTED
    (tmp_path / "functions/main.py").write_text("changed", encoding="utf-8")
    assert find_source_hash(source_tree=tmp_path) != EXPECTED


def test_another_automations_file_is_another_source(tmp_path: Path) -> None:
    """The variable `automations_file` of Terraform names one."""
    write_tree(tmp_path)
    other = tmp_path / "other.toml"
    other.write_text("", encoding="utf-8")

    assert find_source_hash(other, tmp_path) != EXPECTED


def test_without_a_source_tree_there_is_no_hash(tmp_path: Path) -> None:
    """The command line may be installed alone."""
    assert find_source_hash(source_tree=tmp_path) == ""
    assert find_version(tmp_path)
