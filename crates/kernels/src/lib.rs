//! Numerics over slices for networks of stochastic units: random numbers, the logistic family, propagation between
//! layers, statistics and updates. No host, no threads of its own (a `Pool` is handed in), no allocation in a loop.

pub mod activity;
pub mod belief;
pub mod disjoint;
pub mod exact;
pub mod field;
pub mod lanes;
pub mod logistic;
pub mod memory;
pub mod network;
pub mod normalisable;
pub mod propagate;
pub mod pseudo;
pub mod random;
pub mod rows;
pub mod statistics;
pub mod sums;
pub mod units;
pub mod weights;
