//! Goldens of the live view. Not here: anything else.
