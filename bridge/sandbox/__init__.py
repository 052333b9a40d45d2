"""A whole world on one machine, for `make demo` and the tests."""
