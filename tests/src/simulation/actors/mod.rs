//! Those who act in a simulation: customers, staff, the network and the calendar.

mod calendar;
mod customers;
mod merchant;
mod network;
mod staff;
