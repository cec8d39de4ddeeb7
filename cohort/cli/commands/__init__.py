"""One file a command; each exposes `command`, which typer registers under the file's name."""
