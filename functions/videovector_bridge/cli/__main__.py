"""`python -m videovector_bridge.cli`."""

from videovector_bridge.cli.main import main

if __name__ == "__main__":
    main()
