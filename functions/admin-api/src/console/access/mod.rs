//! Access to the console: sign-in with an admin token, sessions by cookie, and the origin of what is posted.

pub(crate) mod attempts;
pub(crate) mod cookies;
pub(crate) mod guard;
pub(crate) mod origin;
pub(crate) mod session;
pub(crate) mod sign_in;
