"""Loops over time in one kernel on the CPU: a step that JAX traces, printed in LLVM's language."""
