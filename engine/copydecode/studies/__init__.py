"""One question a module: what Copy-as-Decode gains, measured (README.md lists them)."""
