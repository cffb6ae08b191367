"""Which cloud an acceptance run uses, and what it says where it has none."""

from pathlib import Path

import pytest

from tests.acceptance.settings import (
    LeaveOut,
    Settings,
    UseFake,
    UseGoogle,
    WrongSettings,
    read_settings,
)


def install_everything(name: str) -> str:
    """Find every program."""
    return f"bin/{name}"


def install_nothing(name: str) -> None:
    """Find no program."""


def read(environment: dict[str, str]) -> Settings:
    """Read settings on a machine that has every program."""
    return read_settings(environment, find_tool=install_everything)


@pytest.fixture
def fake(tmp_path: Path) -> dict[str, str]:
    """The variables of a fake cloud."""
    (tmp_path / "fakegcp.py").touch()
    (tmp_path / "registry.example" / "hashicorp" / "google" / "7.45.0").mkdir(parents=True)
    return {"FAKEGCP": str(tmp_path), "REAL_TF_MIRROR": str(tmp_path)}


def test_without_variables_the_run_is_left_out() -> None:
    """It names them, and they may be empty."""
    assert read({}) == LeaveOut("REAL_TF_MIRROR and FAKEGCP are not set")
    assert isinstance(read({"PROJECT": "", "FAKEGCP": ""}), LeaveOut)


def test_both_variables_choose_the_fake_cloud(fake: dict[str, str], tmp_path: Path) -> None:
    """With absolute paths, because Terraform runs in another folder."""
    assert read(fake) == UseFake(tmp_path.resolve(), tmp_path.resolve())


@pytest.mark.parametrize("missing", ["FAKEGCP", "REAL_TF_MIRROR"])
def test_one_variable_alone_is_a_wrong_setting(fake: dict[str, str], missing: str) -> None:
    """The other one is named."""
    del fake[missing]

    settings = read(fake)

    assert isinstance(settings, WrongSettings)
    assert missing in settings.problems[0]


def test_folders_without_their_files_are_wrong_settings(tmp_path: Path) -> None:
    """Both are named at once."""
    settings = read({"FAKEGCP": str(tmp_path), "REAL_TF_MIRROR": str(tmp_path)})

    assert isinstance(settings, WrongSettings)
    assert len(settings.problems) == 2


def test_a_project_chooses_google_cloud(fake: dict[str, str]) -> None:
    """Also where the variables of the fake cloud are set; the region has a default."""
    account = "01ABCD-23EF45-67AB89"

    settings = read({**fake, "PROJECT": "my-project", "BILLING_ACCOUNT": account})

    assert settings == UseGoogle("my-project", "us-central1", account)


def test_every_problem_of_google_cloud_is_named() -> None:
    """Wrong values and missing tools at once."""
    settings = read_settings({"PROJECT": "No Project", "REGION": "moon"}, find_tool=install_nothing)

    assert isinstance(settings, WrongSettings)
    assert [problem.split()[0] for problem in settings.problems] == [
        "PROJECT",
        "REGION",
        "terraform",
        "gcloud",
    ]
