"""Report writers: what a study looks like as a file. Each writer is a plugin; nothing here measures."""
