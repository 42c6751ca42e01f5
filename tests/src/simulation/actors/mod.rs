//! Those who act in a simulation: customers, staff, the network and the calendar.

mod calendar;
mod customers;
mod network;
mod staff;
