"""The best sequence or schedule among those allowed: search file, candidates, methods, results."""
