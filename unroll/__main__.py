"""`python -m unroll`, which is `unroll`."""

from unroll.cli import main

if __name__ == "__main__":
    main()
