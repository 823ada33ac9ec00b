//! Tests of the whole: scenarios, faults, bad input, architecture.
