//! The console: access, and what holds for each of its pages.

mod access;
mod every_page;
