//! Tests of the whole: scenarios, faults, bad input, architecture. This library is what they share.
