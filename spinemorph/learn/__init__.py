"""Training of the embedded model (extra: ``spinemorph[train]``); the only folder that names torch."""
