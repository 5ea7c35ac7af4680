"""Tables and PDF of a comparison of models and of an agreement study."""
