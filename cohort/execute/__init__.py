"""Where blocks of patients run: parts, worker threads, manifest, resume, progress, estimates."""
