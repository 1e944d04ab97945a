//! Parsers against what real kernels wrote, and against any bytes at all.

mod fixtures;
mod properties;
