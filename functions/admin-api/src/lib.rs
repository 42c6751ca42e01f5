//! Serves support staff and the business's own app.
