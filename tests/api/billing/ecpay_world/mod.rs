//! What the real ECPay does: edits of its console, odd answers, orders that it ends by itself, and customers who buy twice.

mod console_edits;
mod ends;
mod odd_answers;
mod two_orders;
