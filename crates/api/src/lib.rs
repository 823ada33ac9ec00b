//! The wire: generated protobuf code, conversion between domain and wire, errors as google.rpc details, page tokens.
