//! The rules of the house, as tests: they read the files of the repository and need nothing compiled.

mod crates;
mod dependencies;
mod documentation;
mod sizes_and_names;
mod sources;
mod structure;
mod type_names;
mod words;
