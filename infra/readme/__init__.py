"""The parts of `infra/README.md` that are drawn from the files that they are about."""
